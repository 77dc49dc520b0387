//! What every strategy must keep, whatever it is fed.

use super::{Strategy, *};
use crate::instrument::ethusdc;
use crate::order::Execute;
use crate::params::ethusdc_defaults;
use crate::units::{Mono, PerSide, Span, Wall};
use alloc::vec::Vec;
use proptest::prelude::{Strategy as Generator, *};

/// A view with an owner, at 2500.00 with the defaults of the specification unless a test says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) second: i64,
    pub(super) instrument: Instrument,
    pub(super) params: QuotingParams,
    pub(super) net_max: Lots,
    pub(super) batch_bound: Lots,
    pub(super) bid: Ticks,
    pub(super) ask: Ticks,
    pub(super) position: Lots,
    pub(super) mode: Mode,
    pub(super) sigma: Option<f64>,
    pub(super) funding: Option<f64>,
    pub(super) vpin: Option<VpinReading>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            second: 1_000,
            instrument: ethusdc(),
            params: ethusdc_defaults().quoting,
            net_max: Lots(2_000),
            batch_bound: Lots(1_000),
            bid: Ticks(249_999),
            ask: Ticks(250_001),
            position: Lots(0),
            mode: Mode::Normal,
            sigma: None,
            funding: None,
            vpin: None,
        }
    }
}

impl Scene {
    pub(super) fn now(&self) -> Now {
        Now {
            mono: Mono(Span::from_secs(self.second).0),
            wall: Wall(0),
        }
    }

    pub(super) fn view(&self) -> StrategyView<'_> {
        let level = |price| Level {
            price,
            size: Lots(1_000),
        };
        StrategyView {
            now: self.now(),
            instrument: &self.instrument,
            params: &self.params,
            net_max: self.net_max,
            batch_bound: self.batch_bound,
            bid: level(self.bid),
            ask: level(self.ask),
            position: self.position,
            mode: self.mode,
            sigma: self.sigma,
            predicted_funding: self.funding,
            vpin: self.vpin,
        }
    }

    /// What a strategy without a past wants here.
    pub(super) fn quote(&self) -> Desired {
        self.quote_by(&mut AnyStrategy::new(self.params.strategy))
    }

    pub(super) fn quote_by(&self, strategy: &mut impl Strategy) -> Desired {
        let mut desired = Desired::default();
        strategy.quote(&self.view(), &mut desired);
        desired
    }
}

pub(super) fn prices(desired: &Desired, side: Side) -> Vec<i64> {
    let slots = desired.slots.of(side).iter();
    slots.map(|slot| slot.price.0).collect()
}

/// Everything that holds for every strategy, mode, market and parameter.
pub(super) fn check(scene: &Scene, desired: &Desired) {
    for side in Side::BOTH {
        check_accounted(scene, desired, side);
        check_prices(scene, desired, side);
        check_sizes(scene, desired, side);
    }
    check_spread(scene, desired);
    check_take(scene, desired);
    let numbers = &desired.explanation;
    for x in [
        numbers.position_ratio,
        numbers.skew_ratio,
        numbers.vol_scale,
        numbers.vpin_factor,
        numbers.sigma.unwrap_or(0.0),
        numbers.vpin.unwrap_or(0.0),
    ] {
        assert!(x.is_finite(), "{numbers:?}");
    }
}

/// Every configured layer is quoted or has a reason, once, in order.
fn check_accounted(scene: &Scene, desired: &Desired, side: Side) {
    let slots = desired.slots.of(side);
    let missing = desired.explanation.missing.of(side);
    assert!(missing.is_sorted_by_key(|gap| gap.layer));
    assert!(slots.is_sorted_by_key(|slot| slot.layer));
    let mut layers: Vec<u16> = missing.iter().map(|gap| gap.layer).collect();
    layers.extend(slots.iter().map(|slot| slot.layer));
    layers.sort_unstable();
    assert!(
        layers.into_iter().eq(1..=scene.view().layers()),
        "{desired:?}"
    );
    let quoted = *desired.explanation.layers_quoted.of(side);
    assert_eq!(usize::from(quoted), slots.len());
    let silent = scene.mode == Mode::Halt || scene.view().mid().is_none();
    let grows = scene.view().growing() == Some(side);
    if silent || (scene.mode == Mode::ReduceOnly && grows) {
        assert!(slots.is_empty());
    }
}

/// Never crossing, strictly further away from one layer to the next, inside the contract's bounds.
fn check_prices(scene: &Scene, desired: &Desired, side: Side) {
    let opposite = scene.view().touch(side.opposite());
    let slots = desired.slots.of(side);
    for slot in slots {
        assert!(side.is_better(opposite, slot.price), "{slot:?} crosses");
        assert!(
            slot.price >= scene.instrument.price_min && slot.price <= scene.instrument.price_max
        );
        assert!(slot.spacing >= Ticks(1));
    }
    assert!(
        slots.is_sorted_by(|near, far| side.is_better(near.price, far.price)),
        "{:?}",
        prices(desired, side)
    );
}

/// Above the minimum, and the reducing side never past zero beyond the bound.
fn check_sizes(scene: &Scene, desired: &Desired, side: Side) {
    let open = i128::from(scene.position.0.abs());
    let mut total = 0_i128;
    for slot in desired.slots.of(side) {
        total += i128::from(slot.size.0);
        assert!(slot.size >= scene.instrument.qty_min && slot.size <= scene.instrument.qty_max);
        match slot.execute {
            Execute::PostOnly => assert!(
                scene.instrument.notional(slot.price, slot.size) >= scene.instrument.notional_min
            ),
            Execute::PostOnlyReduce => assert!(i128::from(slot.size.0) <= open),
            Execute::TakeReduce => panic!("a slot rests"),
        }
    }
    if scene.view().growing() == Some(side.opposite()) {
        assert!(total <= open + i128::from(scene.batch_bound.0.max(0)));
    }
}

/// Our best pair is never closer than the smallest spread.
fn check_spread(scene: &Scene, desired: &Desired) {
    if let (Some(bid), Some(ask)) = (desired.slots.buy.first(), desired.slots.sell.first()) {
        let apart = (ask.price.0 - bid.price.0) as f64;
        let mid = (scene.bid.0 + scene.ask.0) as f64 / 2.0;
        assert!(
            apart >= scene.params.min_spread * mid * (1.0 - 1e-12) - 1e-6,
            "{apart} ticks at {mid}"
        );
    }
}

/// The take shrinks the position and never turns it.
fn check_take(scene: &Scene, desired: &Desired) {
    if let Some(take) = desired.take {
        assert_eq!(scene.mode, Mode::Grinding);
        assert_eq!(Some(take.side.opposite()), scene.view().growing());
        assert!(take.size.is_positive() && take.size <= scene.position.abs());
        assert_eq!(take.limit, scene.view().touch(take.side.opposite()));
    }
}

const KINDS: [StrategyKind; 3] = [
    StrategyKind::Asmm,
    StrategyKind::AvellanedaStoikov,
    StrategyKind::Glft,
];

fn any_params() -> impl Generator<Value = QuotingParams> {
    let shape = (
        1_u16..=120,
        1_i64..500,
        0_i64..2_000_000_000,
        0_i64..500_000_000,
        0.5_f64..2.0,
        0_i64..5_000_000_000,
        0.0_f64..0.01,
    );
    let factors = (0.0_f64..0.02, 0.0_f64..100.0, 0.0_f64..1.0, any::<bool>());
    (shape, factors, prop::sample::select(&KINDS[..])).prop_map(|(shape, factors, strategy)| {
        let (layers, size, start, spacing, spacing_multiplier, max_spacing, min_spread) = shape;
        let (skew_coeff, vol_factor, layer_reduction, enabled) = factors;
        let defaults = ethusdc_defaults().quoting;
        QuotingParams {
            strategy,
            layers,
            layer_size: Lots(size),
            start_offset: Price8(start),
            first_spacing: Price8(spacing),
            spacing_multiplier,
            max_spacing: Price8(max_spacing),
            min_spread,
            skew_coeff,
            vol_factor,
            layer_reduction,
            vpin: crate::params::VpinParams {
                enabled,
                ..defaults.vpin
            },
            ..defaults
        }
    })
}

prop_compose! {
    /// One moment: a market, a position and what the signals say.
    fn any_moment()(
        bid in 1_i64..9_000_000,
        width in 1_i64..5_000,
        position in prop_oneof![Just(0), -40_i64..40, -5_000_i64..5_000],
        net_max in prop_oneof![Just(0), 1_i64..5_000],
        bound in 0_i64..3_000,
        mode in prop::sample::select(&Mode::ALL[..]),
        sigma in prop::option::of(0.0_f64..0.1),
        funding in prop::option::of(-0.05_f64..0.05),
        vpin in prop::option::of((0.0_f64..=1.0, 5_u64..60)),
        pause in 0_i64..30,
    ) -> Scene {
        Scene {
            second: pause,
            bid: Ticks(bid),
            ask: Ticks(bid + width),
            position: Lots(position),
            net_max: Lots(net_max),
            batch_bound: Lots(bound),
            mode,
            sigma,
            funding,
            vpin: vpin.map(|(value, buckets)| VpinReading { value, buckets }),
            ..Scene::default()
        }
    }
}

/// Feeds moments and the trades and fills between them; returns every answer.
fn play(params: &QuotingParams, moments: &[Scene], trades: &[(i64, i64)]) -> Vec<(Scene, Desired)> {
    let mut strategy = AnyStrategy::new(params.strategy);
    let mut second = 0;
    let mut answers = Vec::new();
    for moment in moments {
        second += moment.second;
        let scene = Scene {
            second,
            params: *params,
            ..moment.clone()
        };
        answers.push((scene.clone(), scene.quote_by(&mut strategy)));
        for &(offset, size) in trades {
            let trade = Trade {
                id: 1,
                event_time: Wall(0),
                price: Ticks((scene.bid.0 + offset).max(1)),
                size: Lots(size),
                aggressor: if offset > 0 { Side::Buy } else { Side::Sell },
            };
            strategy.on_trade(scene.now(), &trade);
            strategy.on_fill(scene.now(), trade.aggressor, trade.price, trade.size);
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_answer_keeps_the_rules_and_repeats_exactly(
        params in any_params(),
        moments in prop::collection::vec(any_moment(), 1..8),
        trades in prop::collection::vec((-300_i64..300, 1_i64..200), 0..40),
    ) {
        let answers = play(&params, &moments, &trades);
        for (scene, desired) in &answers {
            check(scene, desired);
        }
        let again = play(&params, &moments, &trades);
        for ((_, first), (_, second)) in answers.iter().zip(&again) {
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn no_finite_number_anywhere_leaks_nan_or_panics(
        moment in any_moment(),
        strategy in prop::sample::select(&KINDS[..]),
        odd in prop::array::uniform16(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO),
        raw in prop::array::uniform6(any::<i64>()),
        signals in prop::array::uniform2(prop::num::f64::NORMAL | prop::num::f64::ZERO),
    ) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = odd;
        let mut params = ethusdc_defaults().quoting;
        params.strategy = strategy;
        (params.spacing_multiplier, params.skew_coeff, params.funding_share) = (a, b, c);
        (params.vol_factor, params.vol_scale_min, params.vol_scale_max) = (d, e, f);
        (params.skew_dead_zone, params.layer_reduction, params.risk_aversion) = (g, h, i);
        (params.pinning_size_factor, params.grinding_share) = (j, k);
        (params.grinding_reentry, params.grinding_size_factor) = (l, m);
        (params.vpin.threshold, params.vpin.widen) = (n, o);
        params.min_spread = p.abs().min(0.5);
        params.start_offset = Price8(raw[0]);
        params.first_spacing = Price8(raw[1]);
        params.max_spacing = Price8(raw[2]);
        params.layer_size = Lots(raw[3]);
        params.vpin.enabled = true;
        let position = Lots(raw[4].max(-i64::MAX));
        let scene = Scene {
            params,
            position,
            batch_bound: Lots(raw[5]),
            sigma: Some(signals[0]),
            funding: Some(signals[1]),
            ..moment
        };
        let desired = scene.quote();
        check(&scene, &desired);
    }

    #[test]
    fn an_extreme_touch_is_refused_or_quoted_but_never_a_panic(bid in any::<i64>(), ask in any::<i64>(), kind in prop::sample::select(&KINDS[..])) {
        let mut scene = Scene { bid: Ticks(bid), ask: Ticks(ask), ..Scene::default() };
        scene.params.strategy = kind;
        scene.quote();
    }

    #[test]
    fn a_flat_position_is_quoted_symmetrically_after_any_past(
        params in any_params(),
        past in prop::collection::vec(any_moment(), 0..4),
        bid in 100_000_i64..1_000_000,
        half in 1_i64..300,
        sigma in prop::option::of(0.0_f64..0.02),
    ) {
        let params = QuotingParams { strategy: StrategyKind::Asmm, ..params };
        let mut strategy = AnyStrategy::new(params.strategy);
        for moment in past {
            Scene { params, ..moment }.quote_by(&mut strategy);
        }
        let scene = Scene {
            second: 10_000,
            params,
            bid: Ticks(bid),
            ask: Ticks(bid + 2 * half),
            sigma,
            ..Scene::default()
        };
        let desired = scene.quote_by(&mut strategy);
        check(&scene, &desired);
        for (bid, ask) in desired.slots.buy.iter().zip(&desired.slots.sell) {
            prop_assert_eq!(bid.price.0 + ask.price.0, scene.bid.0 + scene.ask.0);
            prop_assert_eq!(bid.size, ask.size);
        }
    }

    #[test]
    fn a_long_position_lowers_both_sides_and_a_short_one_raises_them(
        params in any_params(),
        bid in 100_000_i64..1_000_000,
        width in 1_i64..300,
        position in 1_i64..2_000,
        sigma in prop::option::of(0.0_f64..0.02),
    ) {
        let at = |position| Scene {
            params,
            position: Lots(position),
            bid: Ticks(bid),
            ask: Ticks(bid + width),
            sigma,
            ..Scene::default()
        }.quote();
        let (flat, long, short) = (at(0), at(position), at(-position));
        for side in Side::BOTH {
            for flat in flat.slots.of(side) {
                let same = |other: &Desired| {
                    let mut slots = other.slots.of(side).iter();
                    slots.find(|slot| slot.layer == flat.layer).map(|slot| slot.price)
                };
                prop_assert!(same(&long).is_none_or(|price| price <= flat.price), "{side:?} long");
                prop_assert!(same(&short).is_none_or(|price| price >= flat.price), "{side:?} short");
            }
        }
    }
}

#[test]
fn every_kind_is_registered_as_itself() {
    for kind in KINDS {
        assert_eq!(AnyStrategy::new(kind).kind(), kind);
    }
}

#[test]
fn without_a_usable_touch_every_layer_says_so() {
    for kind in KINDS {
        for (bid, ask) in [(0, 10), (10, 10), (11, 10), (-5, 5), (1, i64::MAX)] {
            let mut scene = Scene {
                bid: Ticks(bid),
                ask: Ticks(ask),
                ..Scene::default()
            };
            scene.params.strategy = kind;
            let desired = scene.quote();
            assert!(desired.slots == PerSide::default());
            for side in Side::BOTH {
                let missing = desired.explanation.missing.of(side);
                assert_eq!(missing.len(), 18);
                assert!(missing.iter().all(|gap| gap.why == Missing::NoMarket));
            }
        }
    }
}
