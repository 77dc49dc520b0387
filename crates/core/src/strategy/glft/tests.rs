use super::*;
use crate::event::Trade;
use crate::params::StrategyKind;
use crate::strategy::AnyStrategy;
use crate::strategy::arrivals::Intensity;
use crate::strategy::tests::{Scene, check, prices};
use crate::units::Wall;

fn inputs() -> Inputs {
    Inputs {
        risk_aversion: 0.05,
        variance: 0.09,
        inventory: 0.0,
        order: 1.0,
        intensity: Intensity {
            rate: 0.9,
            decay: 0.3,
        },
    }
}

#[test]
fn one_unit_a_trade_is_the_formula_of_the_paper() {
    let quotes = solve(&Inputs {
        inventory: 2.0,
        ..inputs()
    });
    let (gamma, sigma, a, k) = (0.05, 0.3, 0.9, 0.3);
    let growth = libm::pow(1.0 + gamma / k, 1.0 + k / gamma);
    let root = libm::sqrt(sigma * sigma * gamma / (2.0 * k * a) * growth);
    let base = libm::log(1.0 + gamma / k) / gamma;
    let bid = base + (2.0 * 2.0 + 1.0) / 2.0 * root;
    let ask = base - (2.0 * 2.0 - 1.0) / 2.0 * root;
    assert!((quotes.half_spread - quotes.skew - bid).abs() < 1e-12);
    assert!((quotes.half_spread + quotes.skew - ask).abs() < 1e-12);
}

#[test]
fn flat_is_symmetric_and_inventory_moves_against_itself() {
    assert_eq!(solve(&inputs()).skew, 0.0);
    let mut last = f64::INFINITY;
    for inventory in -10..=10 {
        let skew = solve(&Inputs {
            inventory: f64::from(inventory),
            ..inputs()
        })
        .skew;
        assert!(skew < last);
        last = skew;
    }
}

#[test]
fn wider_with_volatility_and_thinner_flow() {
    let base = solve(&inputs()).half_spread;
    let wild = Inputs {
        variance: 0.18,
        ..inputs()
    };
    assert!(solve(&wild).half_spread > base);
    let mut thin = inputs();
    thin.intensity.rate = 0.1;
    assert!(solve(&thin).half_spread > base);
}

#[test]
fn tiny_orders_do_not_lose_the_formula_to_rounding() {
    let tiny = Inputs {
        order: 1e-9,
        ..inputs()
    };
    let quotes = solve(&tiny);
    // γΔ → 0: half-spread → 1/k, and (1 + x)^(1/x + 1) → e.
    assert!((quotes.half_spread - 1.0 / 0.3).abs() < 1e-3, "{quotes:?}");
    assert!(quotes.skew.is_finite());
}

#[test]
fn calibrated_quotes_form_a_ladder_around_the_reservation_price() {
    for kind in [StrategyKind::Glft, StrategyKind::AvellanedaStoikov] {
        let mut scene = Scene {
            sigma: Some(0.001),
            position: Lots(200),
            ..Scene::default()
        };
        scene.params.strategy = kind;
        let mut strategy = AnyStrategy::new(kind);
        let blind = scene.quote_by(&mut strategy);
        check(&scene, &blind);
        assert_eq!(
            blind.explanation.inventory_skew.0, 0,
            "nothing is known yet"
        );
        assert_eq!(prices(&blind, Side::Buy)[0], 249_880);
        for i in 0..100 {
            scene.second += 1;
            let trade = Trade {
                id: i,
                event_time: Wall(i),
                price: Ticks(250_000 + (i % 2) * 60 - 30 + i % 7),
                size: Lots(10),
                aggressor: if i % 2 == 0 { Side::Sell } else { Side::Buy },
            };
            strategy.on_trade(scene.now(), &trade);
        }
        let desired = scene.quote_by(&mut strategy);
        check(&scene, &desired);
        assert!(desired.explanation.inventory_skew.is_negative(), "{kind:?}");
        assert_eq!(desired.slots.sell.len(), 18);
        assert_eq!(desired.slots.buy.len(), 16);
    }
}
