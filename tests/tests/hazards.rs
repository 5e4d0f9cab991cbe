//! Hazards: what Kafka 4.1 itself gets wrong, shown and mended.
//!
//! ```text
//!   scenarios/hazards/NAME.toml ──as it stands, faithful to Kafka──▶ the check that it names, or an expectation, fails
//!                               ──with the hazard mended───────────▶ pass
//! ```

use std::collections::BTreeSet;
use std::fs;

use trial_sim::internal::explore::Faithful;
use trial_sim::internal::scenario::vocabulary::hazard_names;
use trial_sim::internal::scenario::{Scenario, Verdict};
use trial_tests::stories::{assert_all, file_stem, in_folder, play, root};

fn scenarios() -> Vec<Scenario> {
    in_folder("scenarios/hazards")
}

#[test]
fn a_machine_that_is_faithful_to_kafka_fails_as_kafka_does() {
    assert_all(&scenarios(), |scenario| {
        let shown = scenario.file.hazard.as_ref()?;
        let report = play(scenario);
        let wanted = shown.property.as_ref().map(|property| property.value.as_str());
        let verdict = match wanted {
            None => Verdict::Expectation,
            Some("liveness") => Verdict::Liveness,
            Some(_) => Verdict::Safety,
        };
        (report.verdict != verdict || report.property != wanted).then(|| {
            let (found, verdict) = (report.findings(), report.verdict);
            let again = scenario.again(report.seed, None);
            let path = &scenario.path;
            format!("{path}: expected {wanted:?}, found {:?} and {verdict}: {found}\n{again}", report.property)
        })
    });
}

#[test]
fn with_the_hazard_mended_and_with_all_of_them_the_scenario_passes() {
    assert_all(&scenarios(), |scenario| {
        let shown = scenario.file.hazard.as_ref()?;
        let mut mended = scenario.clone();
        mended.mend(&shown.name);
        let mut all = scenario.clone();
        hazard_names().iter().for_each(|name| all.mend(name));
        [mended, all]
            .iter()
            .map(play)
            .find(|report| report.verdict != Verdict::Pass)
            .map(|report| format!("{}: {}: {}", scenario.path, report.verdict, report.findings()))
    });
}

/// What exploration says of a seed that passes only because the hazards are mended.
#[test]
fn exploration_names_the_hazard_that_forgave_a_failure() {
    assert_all(&scenarios(), |scenario| {
        let hazard = &scenario.file.hazard.as_ref()?.name.value;
        let mut mended = scenario.clone();
        hazard_names().iter().for_each(|name| mended.mend(name));
        let faithful = Faithful::of(&mended);
        let said = faithful.excuse().map_or("nothing failed".to_owned(), |excuse| excuse.to_string());
        let names_it =
            faithful.hazards.contains(hazard) && said.starts_with("hazard: ") && said.contains(hazard.as_str());
        (!names_it).then(|| format!("{}: {said}", scenario.path))
    });
}

#[test]
fn every_hazard_has_a_scenario_of_its_name_and_a_page_in_the_book() {
    let shown: BTreeSet<String> = scenarios()
        .iter()
        .map(|scenario| {
            let name = file_stem(scenario);
            let hazard = scenario.file.hazard.as_ref().unwrap_or_else(|| panic!("{}: no [hazard]", scenario.path));
            assert_eq!(
                (scenario.file.id.value.as_str(), hazard.name.value.as_str()),
                (name, name),
                "{}",
                scenario.path
            );
            name.to_owned()
        })
        .collect();
    assert_eq!(shown, hazard_names().into_iter().collect(), "hazards that are shown, and hazards that there are");
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).expect("the book has a summary");
    for name in shown {
        let page = format!("hazards/{name}.md");
        let text =
            fs::read_to_string(root().join("docs/src").join(&page)).unwrap_or_else(|_| panic!("docs/src/{page}"));
        assert!(summary.contains(&page), "docs/src/SUMMARY.md does not link {page}");
        assert!(text.contains(&format!("scenarios/hazards/{name}.toml")), "docs/src/{page} does not say how to run it");
    }
}
