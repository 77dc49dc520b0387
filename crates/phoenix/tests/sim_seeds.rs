//! The simulation in CI: a few seeds hold every promise, and one seed is one run.

use phoenix::sim::Scenario;
use phoenix::sim::suite::{self, Options, play};
use std::sync::atomic::AtomicBool;

#[test]
fn every_promise_holds_on_the_first_seeds() {
    suite::quiet_panics();
    let options = Options {
        from: 0,
        seeds: 24,
        minutes: 4,
        jobs: 2,
    };
    let report = suite::run(options, &AtomicBool::new(false), |_| {});
    assert_eq!(report.seeds, 24);
    assert!(
        report.fills > 0 && report.orders > 1_000,
        "nothing was traded"
    );
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
}

#[test]
fn a_seed_is_one_run_however_often_it_is_played() {
    suite::quiet_panics();
    for seed in [3, 7, 11] {
        let scenario = Scenario::of_seed(seed, 3);
        let (once, again) = (play(&scenario, None), play(&scenario, None));
        assert_eq!(once.digest, again.digest, "seed {seed}");
        assert_ne!(once.digest, 0, "seed {seed}");
        let other = play(&Scenario::of_seed(seed + 100, 3), None);
        assert_ne!(once.digest, other.digest, "seed {seed}");
    }
}
