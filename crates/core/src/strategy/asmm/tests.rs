use super::{Strategy, *};
use crate::order::Execute;
use crate::signal::vpin::VpinReading;
use crate::strategy::tests::{Scene, check, prices};
use crate::strategy::{Missing, Take};
use crate::units::{Mono, Span};
use alloc::vec::Vec;
use proptest::prelude::*;

/// 2500 − (1.2 + Σ 1.2 × 1.15ʲ), rounded down to 0.01; by decimal arithmetic, not by this code.
const BIDS: [i64; 18] = [
    249_880, 249_760, 249_622, 249_463, 249_280, 249_070, 248_829, 248_551, 248_232, 247_865,
    247_443, 246_958, 246_399, 245_757, 245_019, 244_170, 243_193, 242_070,
];
const ASKS: [i64; 18] = [
    250_120, 250_240, 250_378, 250_537, 250_720, 250_930, 251_171, 251_449, 251_768, 252_135,
    252_557, 253_042, 253_601, 254_243, 254_981, 255_830, 256_807, 257_930,
];
/// The same with every distance × 1.2.
const BIDS_WIDE: [i64; 18] = [
    249_856, 249_712, 249_546, 249_355, 249_136, 248_885, 248_595, 248_262, 247_879, 247_438,
    246_932, 246_349, 245_679, 244_909, 244_023, 243_004, 241_832, 240_485,
];

fn holding(position: i64, mode: Mode) -> Scene {
    Scene {
        position: Lots(position),
        mode,
        ..Scene::default()
    }
}

fn reasons(desired: &Desired, side: Side) -> Vec<(u16, Missing)> {
    let missing = desired.explanation.missing.of(side);
    missing.iter().map(|gap| (gap.layer, gap.why)).collect()
}

#[test]
fn golden_ladder_at_2500() {
    let scene = Scene::default();
    let desired = scene.quote();
    check(&scene, &desired);
    assert_eq!(prices(&desired, Side::Buy), BIDS);
    assert_eq!(prices(&desired, Side::Sell), ASKS);
    for side in Side::BOTH {
        let slots = desired.slots.of(side);
        assert!(slots.iter().all(|slot| slot.size == Lots(50)));
        assert!(slots.iter().all(|slot| slot.execute == Execute::PostOnly));
        let spacings: Vec<i64> = slots.iter().map(|slot| slot.spacing.0).collect();
        assert_eq!(spacings[..5], [120, 120, 138, 158, 182]);
        assert_eq!(spacings[17], 1_122);
        assert!(reasons(&desired, side).is_empty());
    }
    assert_eq!(desired.take, None);
    assert_eq!(desired.explanation.mid, Some(Price8(250_000_000_000)));
    assert_eq!(desired.explanation.reservation, Price8(250_000_000_000));
}

#[test]
fn volatility_scales_every_distance_within_its_clamp() {
    let at = |sigma| {
        let scene = Scene {
            sigma: Some(sigma),
            ..Scene::default()
        };
        scene.quote()
    };
    let wide = at(0.004); // 1 + 50 × 0.004
    assert_eq!(prices(&wide, Side::Buy), BIDS_WIDE);
    assert_eq!(at(0.0).explanation.vol_scale, 1.0);
    assert_eq!(at(0.5).explanation.vol_scale, 2.0);
    assert_eq!(prices(&at(0.5), Side::Sell)[0], 250_240);
    let mut calm = Scene {
        sigma: Some(0.0),
        ..Scene::default()
    };
    calm.params.vol_scale_max = 0.9;
    assert_eq!(calm.quote().explanation.vol_scale, 0.9);
}

#[test]
fn spacing_stops_growing_at_its_maximum() {
    let mut scene = Scene::default();
    scene.params.max_spacing = Price8(150_000_000); // 1.2, 1.38, 1.5, 1.5 …
    let desired = scene.quote();
    assert_eq!(
        prices(&desired, Side::Buy)[..6],
        [249_880, 249_760, 249_622, 249_472, 249_322, 249_172]
    );
}

#[test]
fn a_position_skews_and_funding_biases_the_reservation() {
    let scene = Scene {
        funding: Some(0.000_1),
        ..holding(400, Mode::Normal)
    };
    let desired = scene.quote();
    check(&scene, &desired);
    // −0.2 × 0.002 × 2500 = −1.0 and −0.0001 × 0.5 × 2500 = −0.125
    let numbers = &desired.explanation;
    assert_eq!(numbers.inventory_skew, Price8(-100_000_000));
    assert_eq!(numbers.funding_bias, Price8(-12_500_000));
    assert_eq!(numbers.reservation, Price8(249_887_500_000));
    assert_eq!(numbers.position_ratio, 0.2);
    assert_eq!(prices(&desired, Side::Buy)[..2], [249_767, 249_647]);
    assert_eq!(prices(&desired, Side::Sell)[..2], [250_008, 250_128]);
}

#[test]
fn the_growing_side_gives_up_far_layers_and_the_reducing_side_none() {
    for (position, kept) in [
        (0, 18),
        (1, 17),
        (500, 15),
        (1_000, 12),
        (1_500, 9),
        (9_000, 1),
    ] {
        let desired = holding(position, Mode::Normal).quote();
        assert_eq!(desired.slots.buy.len(), kept, "at {position}");
        assert_eq!(desired.slots.sell.len(), 18, "at {position}");
        assert!(
            reasons(&desired, Side::Buy)
                .into_iter()
                .eq((kept as u16 + 1..=18).map(|layer| (layer, Missing::LayerReduction)))
        );
        let short = holding(-position, Mode::Normal).quote();
        assert_eq!(short.slots.sell.len(), kept, "at -{position}");
        assert_eq!(short.slots.buy.len(), 18, "at -{position}");
    }
}

#[test]
fn a_side_at_the_touch_moves_as_a_whole_and_keeps_its_shape() {
    // Ratio 0.5: skew −2.5, so the formula asks for 2498.70, below the best bid.
    let scene = holding(1_000, Mode::Normal);
    let desired = scene.quote();
    check(&scene, &desired);
    let asks = prices(&desired, Side::Sell);
    assert_eq!(asks[0], 250_000, "one tick behind the best bid");
    let moved = desired.explanation.moved.sell;
    assert_eq!(moved, Ticks(130));
    for (ask, formula) in asks.iter().zip(ASKS) {
        assert_eq!(*ask, formula - 250 + moved.0);
    }
}

#[test]
fn the_best_pair_is_widened_symmetrically_to_the_smallest_spread() {
    let mut scene = Scene::default();
    scene.params.start_offset = Price8(10_000_000);
    scene.params.first_spacing = Price8(10_000_000);
    scene.params.spacing_multiplier = 1.0;
    let desired = scene.quote();
    check(&scene, &desired);
    // 0.0007 × 2500 = 1.75, half of it 0.875; further layers keep their 0.10.
    assert_eq!(
        prices(&desired, Side::Buy)[..3],
        [249_912, 249_902, 249_892]
    );
    assert_eq!(
        prices(&desired, Side::Sell)[..3],
        [250_088, 250_098, 250_108]
    );
    assert_eq!(desired.explanation.moved.buy, Ticks(78));
}

#[test]
fn layers_closer_than_a_tick_never_share_a_price() {
    let mut scene = Scene::default();
    scene.params.first_spacing = Price8(1);
    scene.params.layers = 100;
    let desired = scene.quote();
    check(&scene, &desired);
    let mut expected = 249_880;
    for price in &prices(&desired, Side::Buy)[..20] {
        assert_eq!(*price, expected);
        expected -= 1;
    }
}

#[test]
fn no_more_layers_than_the_maximum() {
    let mut scene = Scene::default();
    scene.params.layers = 5_000;
    scene.params.first_spacing = Price8(100_000_000);
    scene.params.spacing_multiplier = 1.0;
    assert_eq!(scene.quote().slots.buy.len(), 100);
}

#[test]
fn pinning_joins_the_own_touch_and_leaves_no_hole_on_the_other_side() {
    let scene = holding(1_100, Mode::Pinning);
    let desired = scene.quote();
    check(&scene, &desired);
    let first = desired.slots.sell[0];
    assert_eq!((first.price, first.size), (scene.ask, Lots(115))); // 2.3 × 50
    assert_eq!(desired.slots.sell.len(), 18);
    // The growing side stands at its formula, near layers first: 2500 − 0.55 × 5 − 1.2.
    assert_eq!(prices(&desired, Side::Buy)[..2], [249_605, 249_485]);
    assert_eq!(desired.slots.buy[0].layer, 1);
    assert_eq!(desired.explanation.moved.buy, Ticks::ZERO);
    let short = holding(-1_100, Mode::Pinning).quote();
    assert_eq!(short.slots.buy[0].price, scene.bid);
}

#[test]
fn a_pinned_order_never_exceeds_the_position() {
    let mut scene = holding(60, Mode::Pinning);
    scene.net_max = Lots(110);
    assert_eq!(scene.quote().slots.sell[0].size, Lots(60));
    // Three lots are worth 7.50, below the smallest notional: reduce-only is exempt.
    scene.position = Lots(3);
    let crumb = scene.quote().slots.sell[0];
    assert_eq!(
        (crumb.size, crumb.execute),
        (Lots(3), Execute::PostOnlyReduce)
    );
}

#[test]
fn the_side_that_grows_yields_the_smallest_spread_to_a_pinned_order() {
    let mut scene = holding(1_000, Mode::Pinning);
    scene.params.skew_coeff = 0.0;
    scene.params.min_spread = 0.002; // 5.00; the formula's pair is 2.40 apart
    let desired = scene.quote();
    check(&scene, &desired);
    assert_eq!(desired.slots.sell[0].price, scene.ask);
    assert_eq!(desired.slots.buy[0].price, Ticks(scene.ask.0 - 500));
}

#[test]
fn reduce_only_empties_the_growing_side_and_quotes_the_other_in_full() {
    let scene = holding(-1_700, Mode::ReduceOnly);
    let desired = scene.quote();
    check(&scene, &desired);
    assert!(
        reasons(&desired, Side::Sell)
            .into_iter()
            .eq((1..=18).map(|layer| (layer, Missing::ReduceOnly)))
    );
    assert_eq!(desired.slots.buy.len(), 18);
    assert_eq!(desired.slots.buy[0].price, scene.bid, "still pinned");
    let mut unpinned = scene;
    unpinned.params.pinning_thresh = None;
    assert_eq!(unpinned.quote().slots.buy[0].size, Lots(50));
}

#[test]
fn a_halt_quotes_nothing_but_still_explains() {
    let desired = holding(700, Mode::Halt).quote();
    assert!(desired.slots.buy.is_empty() && desired.slots.sell.is_empty());
    assert_eq!(reasons(&desired, Side::Sell).len(), 18);
    assert!(
        reasons(&desired, Side::Buy)
            .iter()
            .all(|r| r.1 == Missing::Halt)
    );
    assert_eq!(desired.explanation.position_ratio, 0.35);
    assert!(desired.explanation.mid.is_some());
}

#[test]
fn the_reducing_side_stops_where_it_would_cross_zero_beyond_the_bound() {
    let mut scene = holding(100, Mode::Normal);
    scene.batch_bound = Lots(130); // 230 lots: four layers and 30 lots of the fifth
    let desired = scene.quote();
    check(&scene, &desired);
    let sizes: Vec<i64> = desired.slots.sell.iter().map(|slot| slot.size.0).collect();
    assert_eq!(sizes, [50, 50, 50, 50, 30]);
    assert_eq!(reasons(&desired, Side::Sell)[0], (6, Missing::CrossesZero));
    assert_eq!(
        desired.slots.buy.len(),
        17,
        "growth is the risk gate's to bound"
    );
}

#[test]
fn a_size_below_the_minimum_is_missing_and_not_raised() {
    let mut scene = Scene::default();
    scene.params.layer_size = Lots(7); // 17.50 at 2500; 20 is the minimum
    let desired = scene.quote();
    check(&scene, &desired);
    assert_eq!(reasons(&desired, Side::Buy).len(), 18);
    assert!(
        reasons(&desired, Side::Buy)
            .iter()
            .all(|r| r.1 == Missing::BelowMinimum)
    );
    // What reduces a position is exempt up to the position: 20 lots are two whole orders.
    scene.position = Lots(20);
    let desired = scene.quote();
    check(&scene, &desired);
    assert_eq!(desired.slots.sell.len(), 2);
}

#[test]
fn prices_beyond_the_contract_are_missing() {
    let mut scene = Scene::default();
    scene.instrument.price_min = Ticks(249_500);
    let desired = scene.quote();
    assert_eq!(desired.slots.buy.len(), 3);
    assert_eq!(reasons(&desired, Side::Buy)[0], (4, Missing::OutOfBand));
    assert_eq!(desired.slots.sell.len(), 18);
}

#[test]
fn grinding_takes_once_per_cool_down_and_re_enters() {
    let mut asmm = Asmm::default();
    let mut scene = holding(1_200, Mode::Grinding);
    scene.params.min_spread = 0.000_1;
    let desired = scene.quote_by(&mut asmm);
    check(&scene, &desired);
    let take = Take {
        side: Side::Sell,
        size: Lots(90), // 7.5 % of 1200
        limit: scene.bid,
    };
    assert_eq!(desired.take, Some(take));
    let reentry = desired.slots.buy[0];
    assert_eq!((reentry.price, reentry.size), (Ticks(249_895), Lots(105))); // 2500 × 0.00042 = 1.05
    // Layer 2 stays where the formula has it: 2500 − 0.6 × 5 − 2.4.
    assert_eq!(desired.slots.buy[1].price, Ticks(249_460));
    let again_at = Mono(Span::from_secs(1_060).0);
    assert_eq!(desired.again_at, Some(again_at));

    scene.second += 59;
    let waiting = scene.quote_by(&mut asmm);
    assert_eq!((waiting.take, waiting.again_at), (None, Some(again_at)));
    assert_eq!(waiting.slots.buy[0].size, Lots(105), "not filled yet");

    scene.second += 1;
    assert!(scene.quote_by(&mut asmm).take.is_some());
}

#[test]
fn fills_use_the_re_entry_up() {
    let mut asmm = Asmm::default();
    let mut scene = holding(1_200, Mode::Grinding);
    scene.params.min_spread = 0.000_1;
    scene.quote_by(&mut asmm);
    let fill = |asmm: &mut Asmm, side, size| {
        asmm.on_fill(scene.now(), side, Ticks(249_895), Lots(size));
        scene.quote_by(asmm).slots.buy[0]
    };
    assert_eq!(fill(&mut asmm, Side::Sell, 90).size, Lots(105));
    assert_eq!(fill(&mut asmm, Side::Buy, 40).size, Lots(65));
    let normal = fill(&mut asmm, Side::Buy, 65);
    assert_eq!((normal.size, normal.price), (Lots(50), Ticks(249_580)));
}

#[test]
fn the_re_entry_yields_to_the_smallest_spread() {
    let scene = holding(1_200, Mode::Grinding);
    let desired = scene.quote();
    check(&scene, &desired);
    assert_eq!(desired.slots.sell[0].price, scene.ask, "pinned");
    assert_eq!(desired.slots.buy[0].price, Ticks(scene.ask.0 - 175));
    assert_eq!(desired.slots.buy[0].size, Lots(105));
}

#[test]
fn leaving_grinding_forgets_the_re_entry_but_not_the_cool_down() {
    let mut asmm = Asmm::default();
    let mut scene = holding(1_200, Mode::Grinding);
    scene.quote_by(&mut asmm);
    scene.mode = Mode::Pinning;
    assert_eq!(scene.quote_by(&mut asmm).slots.buy[0].size, Lots(50));
    scene.mode = Mode::Grinding;
    scene.second += 1;
    let back = scene.quote_by(&mut asmm);
    assert_eq!((back.take, back.slots.buy[0].size), (None, Lots(50)));
}

#[test]
fn a_position_smaller_than_a_share_is_ground_by_the_smallest_quantity() {
    let mut scene = holding(6, Mode::Grinding);
    scene.net_max = Lots(10);
    assert_eq!(scene.quote().take.map(|take| take.size), Some(Lots(1)));
    scene.instrument.qty_min = Lots(7);
    assert_eq!(scene.quote().take, None);
}

fn toxic(value: f64, buckets: u64) -> Scene {
    let mut scene = Scene {
        vpin: Some(VpinReading { value, buckets }),
        ..Scene::default()
    };
    scene.params.vpin.enabled = true;
    scene
}

#[test]
fn toxic_flow_widens_distances_only_above_the_threshold_and_when_switched_on() {
    assert_eq!(prices(&toxic(0.7, 9).quote(), Side::Buy), BIDS);
    let wide = toxic(0.8, 9).quote(); // × 1.16
    assert!((wide.explanation.vpin_factor - 1.16).abs() < 1e-12);
    assert_eq!(prices(&wide, Side::Sell)[..2], [250_140, 250_279]);
    let mut off = toxic(0.99, 9);
    off.params.vpin.enabled = false;
    let desired = off.quote();
    assert_eq!(prices(&desired, Side::Buy), BIDS);
    assert_eq!(desired.explanation.vpin, Some(0.99), "shown all the same");
}

#[test]
fn very_toxic_flow_pauses_for_five_seconds_once_per_bucket() {
    let mut asmm = Asmm::default();
    let mut scene = toxic(0.95, 9);
    let paused = scene.quote_by(&mut asmm);
    assert!(paused.slots.buy.is_empty());
    assert!(
        reasons(&paused, Side::Buy)
            .iter()
            .all(|r| r.1 == Missing::VpinPause)
    );
    assert_eq!(paused.again_at, Some(Mono(Span::from_secs(1_005).0)));
    scene.second += 4;
    assert!(scene.quote_by(&mut asmm).slots.sell.is_empty());
    // The pause ends by itself even when no trade comes to lower VPIN.
    scene.second += 1;
    let resumed = scene.quote_by(&mut asmm);
    assert_eq!((resumed.slots.sell.len(), resumed.again_at), (18, None));
    scene.vpin = toxic(0.95, 10).vpin;
    assert!(
        scene.quote_by(&mut asmm).slots.sell.is_empty(),
        "new evidence"
    );
}

#[test]
fn changed_parameters_apply_at_the_next_quote() {
    let mut asmm = Asmm::default();
    let mut scene = Scene::default();
    scene.quote_by(&mut asmm);
    scene.params.layers = 3;
    scene.params.start_offset = Price8(200_000_000);
    let desired = scene.quote_by(&mut asmm);
    assert_eq!(prices(&desired, Side::Buy), [249_800, 249_680, 249_542]);
}

/// Distances of the specification in quote units, one by one.
fn naive_distance(params: &QuotingParams, layer: u16) -> f64 {
    let (mut distance, mut step) = (params.start_offset.0 as f64, params.first_spacing.0 as f64);
    for _ in 1..layer {
        distance += step.min(params.max_spacing.0 as f64);
        step *= params.spacing_multiplier;
    }
    distance / 1e8
}

proptest! {
    #[test]
    fn where_no_rule_binds_prices_are_the_formula_rounded_passively(
        layers in 1_u16..=100,
        start in 200_000_000_i64..500_000_000,
        spacing in 2_000_000_i64..200_000_000,
        multiplier in 1.0_f64..1.3,
        bid in 200_000_i64..400_000,
        width in 1_i64..20,
        position in -300_i64..300,
        sigma in prop::option::of(0.0_f64..0.03),
        funding in -0.000_3_f64..0.000_3,
    ) {
        let mut scene = Scene {
            bid: Ticks(bid),
            ask: Ticks(bid + width),
            position: Lots(position),
            sigma,
            funding: Some(funding),
            ..Scene::default()
        };
        scene.params.layers = layers;
        scene.params.start_offset = Price8(start);
        scene.params.first_spacing = Price8(spacing);
        scene.params.spacing_multiplier = multiplier;
        scene.params.min_spread = 0.000_1;
        let desired = scene.quote();
        check(&scene, &desired);
        prop_assert_eq!(desired.explanation.moved, PerSide::default());

        let mid = (2 * bid + width) as f64 / 200.0;
        let ratio = position as f64 / 2_000.0;
        let reservation = mid - ratio * 0.002 * mid - funding * 0.5 * mid;
        let scale = (1.0 + 50.0 * sigma.unwrap_or(0.0)).clamp(0.8, 2.0);
        for side in Side::BOTH {
            for slot in desired.slots.of(side) {
                let distance = naive_distance(&scene.params, slot.layer) * scale;
                let exact = 100.0 * (reservation - side.sign() as f64 * distance);
                let outward = side.sign() as f64 * (exact - slot.price.0 as f64);
                prop_assert!((-1e-3..1.0 + 1e-3).contains(&outward), "{slot:?} {exact}");
            }
        }
    }

    #[test]
    fn the_growing_side_offers_its_kept_layers_and_no_more(
        position in 1_i64..2_000,
        side in prop::sample::select(&Side::BOTH[..]),
        layers in 1_u16..40,
        mode in prop::sample::select(&Mode::ALL[..4]),
    ) {
        let mut scene = holding(position * side.sign(), mode);
        scene.params.layers = layers;
        scene.batch_bound = Lots(2_000);
        let desired = scene.quote();
        let kept = match mode {
            Mode::Normal | Mode::Pinning | Mode::Grinding => {
                // floor(layers × (1 − 0.6 × position / 2000)) in whole numbers
                (i64::from(layers) * (20_000 - 6 * position) / 20_000).max(1)
            }
            Mode::ReduceOnly | Mode::Halt => 0,
        };
        let total: i64 = desired.slots.of(side).iter().map(|slot| slot.size.0).sum();
        let reentry = i64::from(mode == Mode::Grinding) * (105 - 50);
        prop_assert_eq!(total, kept * 50 + reentry);
        prop_assert_eq!(desired.slots.of(side.opposite()).len(), usize::from(layers));
    }
}
