//! Examples: small scenarios that show what a file can say. What they expect holds, whatever the seed.

use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::{Seed, Verdict};
use trial_tests::stories::{assert_all, in_folder};

#[test]
fn every_example_holds_on_any_seed() {
    assert_all(&in_folder("scenarios/examples"), |scenario| {
        [None, Some(Seed(1001)), Some(Seed(1002)), Some(Seed(1003))].into_iter().find_map(|seed| {
            let report = run(scenario, RunOptions { seed, until: None, trace: TraceKind::None }, &mut |_| true);
            let found = report.findings();
            (report.verdict != Verdict::Pass).then(|| format!("{}, seed {seed:?}: {found}", scenario.path))
        })
    });
}
