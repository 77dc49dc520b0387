use super::*;
use crate::strategy::arrivals::Intensity;

fn inputs() -> Inputs {
    Inputs {
        risk_aversion: 0.1,
        variance: 4.0 / 1_800.0, // σ = 2 over the horizon
        inventory: 0.0,
        order: 1.0,
        intensity: Intensity {
            rate: 1.0,
            decay: 1.5,
        },
    }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} ≠ {b}");
}

#[test]
fn one_unit_a_trade_is_the_formula_of_the_paper() {
    // The paper's simulation has σ = 2, γ = 0.1, k = 1.5 and T = 1.
    let quotes = solve(&Inputs {
        inventory: 3.0,
        ..inputs()
    });
    close(quotes.skew, -3.0 * 0.1 * 4.0);
    let spread = 0.1 * 4.0 + 2.0 / 0.1 * libm::log(1.0 + 0.1 / 1.5);
    close(quotes.half_spread, spread / 2.0);
}

#[test]
fn flat_is_symmetric_and_inventory_moves_against_itself() {
    assert_eq!(solve(&inputs()).skew, 0.0);
    let mut last = f64::INFINITY;
    for inventory in -10..=10 {
        let quotes = solve(&Inputs {
            inventory: f64::from(inventory),
            ..inputs()
        });
        assert!(quotes.skew < last);
        close(quotes.half_spread, solve(&inputs()).half_spread);
        last = quotes.skew;
    }
}

#[test]
fn wider_with_volatility_and_down_to_the_arrival_term_without() {
    let at = |variance| {
        solve(&Inputs {
            variance,
            ..inputs()
        })
        .half_spread
    };
    assert!(at(0.02) > at(0.01));
    close(at(0.0), inputs().arrival_half_spread());
}

#[test]
fn without_risk_aversion_the_half_spread_is_one_over_k() {
    let quotes = solve(&Inputs {
        risk_aversion: 1e-12,
        ..inputs()
    });
    assert!((quotes.half_spread - 1.0 / 1.5).abs() < 1e-9);
}
