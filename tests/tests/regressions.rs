//! Regressions: what exploration has found, made small, with the story of what went wrong. It goes wrong no more.

use trial_sim::internal::scenario::Verdict;
use trial_tests::stories::{assert_all, file_stem, in_folder, play};

#[test]
fn what_went_wrong_once_passes() {
    assert_all(&in_folder("scenarios/regressions"), |scenario| {
        let report = play(scenario);
        let found = report.findings();
        (report.verdict != Verdict::Pass).then(|| format!("{}: {}: {found}", scenario.path, report.verdict))
    });
}

#[test]
fn each_tells_its_story_above_the_scenario_and_is_named_as_its_file() {
    assert_all(&in_folder("scenarios/regressions"), |scenario| {
        let story = scenario.source.lines().skip(1).take_while(|line| line.starts_with('#')).count();
        let name = scenario.file.id.value.as_str();
        (story < 3 || name != file_stem(scenario)).then(|| format!("{}: {name}, {story} lines", scenario.path))
    });
}
