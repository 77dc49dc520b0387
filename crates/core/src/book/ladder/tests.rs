use super::*;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proptest::prelude::*;

fn at(price: i64, size: i64) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

/// Sizes by key, the naive way.
#[derive(Default)]
struct Model(BTreeMap<i64, i64>);

impl Model {
    fn apply(&mut self, side: Side, levels: &[Level]) {
        for level in levels {
            let key = level.price.0 * side.sign();
            if level.size.is_zero() {
                self.0.remove(&key);
            } else {
                self.0.insert(key, level.size.0);
            }
        }
    }
    fn levels(&self, side: Side) -> Vec<Level> {
        let best_first = self.0.iter().rev();
        best_first.map(|(k, s)| at(k * side.sign(), *s)).collect()
    }
}

fn check(ladder: &Ladder, model: &Model, side: Side) {
    let expected = model.levels(side);
    let found: Vec<Level> = ladder.iter().collect();
    let complete = |level: &&Level| {
        ladder
            .horizon()
            .is_none_or(|horizon| side.is_better(level.price, horizon))
    };
    let known = |levels: &[Level]| {
        levels
            .iter()
            .take_while(complete)
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(known(&found), known(&expected));
    if ladder.horizon().is_none() {
        assert_eq!(ladder.best(), expected.first().copied());
        assert_eq!(ladder.len(), expected.len());
        assert_eq!(ladder.is_empty(), expected.is_empty());
    }
    assert!(found.len() <= LEVELS_MAX);
    assert!(found.is_sorted_by(|a, b| side.is_better(a.price, b.price)));
    for level in known(&expected).iter().step_by(7) {
        assert_eq!(ladder.size_at(level.price), level.size);
    }
    if let Some(third) = expected.get(2).filter(complete) {
        let sum: i64 = expected.iter().take(3).map(|l| l.size.0).sum();
        assert_eq!(ladder.depth_through(third.price), Lots(sum));
    }
}

/// The centre moves by the first number, then levels around it change: offset and size.
type Message = (i64, Vec<(i64, i64)>);

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let offset = prop_oneof![
        6 => -40_i64..40,
        2 => -3_000_i64..3_000,
        1 => -60_000_i64..60_000,
    ];
    let level = (offset, prop_oneof![2 => Just(0_i64), 3 => 1_i64..100]);
    let step = prop_oneof![6 => -20_i64..20, 1 => -9_000_i64..9_000];
    prop::collection::vec((step, prop::collection::vec(level, 0..30)), 1..60)
}

proptest! {
    #[test]
    fn any_stream_of_updates_gives_the_book_of_a_sorted_map(stream in messages()) {
        for side in Side::BOTH {
            let (mut ladder, mut model) = (Ladder::new(side), Model::default());
            let mut centre = 1_000_000;
            for (step, levels) in &stream {
                centre += step;
                let levels: Vec<_> = levels.iter().map(|(o, s)| at(centre + o, *s)).collect();
                ladder.apply(&levels).expect("prices are valid");
                model.apply(side, &levels);
                check(&ladder, &model, side);
            }
        }
    }
}

#[test]
fn the_window_follows_the_touch_up_and_down_across_the_whole_book() {
    for side in Side::BOTH {
        let (mut ladder, mut model) = (Ladder::new(side), Model::default());
        let every_third: Vec<_> = (0..3_000).map(|i| at(500_000 + i * 9, i + 1)).collect();
        ladder.apply(&every_third).expect("valid");
        model.apply(side, &every_third);
        check(&ladder, &model, side);
        // Take the best level away until nothing is left, then build it up again from the far end.
        let mut taken = Vec::new();
        while let Some(best) = ladder.best() {
            taken.push(best);
            ladder.apply(&[at(best.price.0, 0)]).expect("valid");
            model.apply(side, &[at(best.price.0, 0)]);
            assert_eq!(ladder.best(), model.levels(side).first().copied());
        }
        assert_eq!(taken.len(), 3_000);
        for level in taken.iter().rev() {
            ladder.apply(&[*level]).expect("valid");
            model.apply(side, &[*level]);
            assert_eq!(ladder.best(), Some(*level));
        }
        check(&ladder, &model, side);
    }
}

#[test]
fn too_many_far_levels_forget_the_worst_and_say_from_where() {
    for side in Side::BOTH {
        let (mut ladder, mut model) = (Ladder::new(side), Model::default());
        let touch = 50_000_000;
        let far_first = (0..3 * FAR_MAX as i64).rev();
        for i in far_first {
            let level = at(touch - i * 1_000 * side.sign(), 1);
            ladder.apply(&[level]).expect("valid");
            model.apply(side, &[level]);
        }
        check(&ladder, &model, side);
        let horizon = ladder.horizon().expect("something was forgotten");
        let kept = model.levels(side);
        let complete = kept.iter().filter(|l| side.is_better(l.price, horizon));
        assert!(complete.count() >= FAR_MAX / 8 * 7);
        // A level behind everything kept is not taken in.
        let len = ladder.len();
        let behind = at(touch - 2 * touch / 3 * side.sign(), 1);
        for _ in 0..FAR_MAX {
            ladder.apply(&[behind]).expect("valid");
        }
        assert!(ladder.len() <= len + 1);
        ladder.clear();
        assert!(ladder.is_empty() && ladder.horizon().is_none() && ladder.best().is_none());
    }
}

#[test]
fn levels_that_cannot_be_true_are_refused() {
    for bad in [at(0, 1), at(-5, 1), at(PRICE_MAX.0 + 1, 1), at(5, -1)] {
        assert_eq!(Ladder::new(Side::Buy).apply(&[bad]), Err(BadLevel));
    }
    let edge = [at(PRICE_MAX.0, 1), at(1, 1)];
    for side in Side::BOTH {
        let mut ladder = Ladder::new(side);
        ladder.apply(&edge).expect("valid");
        assert_eq!(ladder.iter().count(), 2);
        assert_eq!(ladder.size_at(Ticks(1)), Lots(1));
        assert_eq!(ladder.size_at(Ticks(i64::MIN)), Lots(0));
    }
}
