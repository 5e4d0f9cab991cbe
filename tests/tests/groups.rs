//! Groups in a world: members, coordinators and what becomes of both when machines die.
//!
//! Each scenario in `groups/` is one story; its expectations are the test.

use trial_sim::internal::scenario::Verdict;
use trial_tests::stories;

#[test]
fn every_story_of_a_group_goes_as_it_says() {
    stories::assert_all(&stories::in_folder("tests/tests/groups"), |scenario| {
        let report = stories::play(scenario);
        (report.verdict != Verdict::Pass)
            .then(|| format!("{}: {}\n{}", scenario.path, report.findings(), scenario.again(report.seed, None)))
    });
}
