//! How a cluster's hazards stand in a file: each by its name, or `all` for whichever is not named.
//!
//! ```text
//!   hazards = { all = "mended" }                                  as exploration runs
//!   hazards = { all = "mended", truncation-returns = "faithful" } all but one
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trial_broker::config::Treatment;

use super::super::vocabulary::hazard_names;
use super::Spanned;

/// The name that stands for every hazard.
const ALL: &str = "all";

type Hazards = BTreeMap<Spanned<String>, Treatment>;

/// Reads hazards; behind `all` each has its own name.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hazards, D::Error> {
    let mut hazards = Hazards::deserialize(deserializer)?;
    if let Some((all, treatment)) = hazards.remove_entry(&Spanned::nowhere(ALL.to_owned())) {
        for value in hazard_names() {
            hazards.entry(Spanned { value, span: all.span.clone() }).or_insert(treatment);
        }
    }
    Ok(hazards)
}

/// Writes hazards, in one word where all are treated alike.
pub(super) fn serialize<S: Serializer>(hazards: &Hazards, serializer: S) -> Result<S::Ok, S::Error> {
    let treatment = |name: String| hazards.get(&Spanned::nowhere(name)).copied();
    let mut treatments = hazard_names().into_iter().map(treatment);
    match treatments.next().flatten() {
        Some(one) if treatments.all(|other| other == Some(one)) => BTreeMap::from([(ALL, one)]).serialize(serializer),
        _ => hazards.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Scenario;
    use super::super::super::print;
    use super::*;

    fn hazards(written: &str) -> Scenario {
        let head = "format = 1\nid = \"a\"\ntitle = \"A\"\nuntil = \"1s\"\n";
        let text = format!("{head}[cluster]\nbrokers = 1\ncontrollers = 1\nhazards = {written}\n");
        Scenario::parse("a.toml", &text).unwrap_or_else(|invalid| panic!("{invalid}"))
    }

    #[test]
    fn all_stands_for_whatever_is_not_named_and_is_written_where_none_is() {
        let all = hazards("{ all = \"mended\" }");
        let names: Vec<String> = all.file.cluster.hazards.keys().map(|name| name.value.clone()).collect();
        let mut wanted = hazard_names();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        assert!(print::print(&all.file).contains("\nhazards = { all = \"mended\" }\n"), "{}", print::print(&all.file));

        let but_one = hazards("{ truncation-returns = \"faithful\", all = \"mended\" }");
        let of = |name: &str| but_one.file.cluster.hazards[&Spanned::nowhere(name.to_owned())];
        assert_eq!((of("truncation-returns"), of("pending-isr-forgotten")), (Treatment::Faithful, Treatment::Mended));
        assert!(!print::print(&but_one.file).contains("all = "), "{}", print::print(&but_one.file));
    }
}
