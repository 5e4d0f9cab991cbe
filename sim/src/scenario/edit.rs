//! A scenario's own text with a few things changed in it: what its author wrote, comments and order included, stays.
//!
//! ```text
//!   text ──read──▶ File ─┐
//!                        ├─ what differs ─▶ edits at their places ─▶ text ──read──▶ the wanted File, or no text at all
//!   wanted File ─────────┘
//! ```
//!
//! Only what people change without a file can be written in: another seed, switches that are on, hazards that are mended,
//! steps and interventions that are left out, and what makes a file a piece of the museum. What comes of it is read again: if it is not what was wanted, nobody gets it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::format::{File, Spanned as Placed, Step};
use super::{parse, print};

/// Places of a text, and what stands there instead.
type Edits = Vec<(Range<usize>, String)>;

/// The text, changed so that it reads as a file; none where that cannot be done by such edits.
pub(super) fn edited(source: &str, wanted: &File) -> Option<String> {
    let read = parse::parse(source).ok()?;
    let document = DeTable::parse(source).ok()?;
    let document = document.get_ref();
    let mut edits = Edits::new();
    seed(source, document, &read, wanted, &mut edits)?;
    switches(source, document, &read, wanted, &mut edits)?;
    hazards(source, document, &read, wanted, &mut edits)?;
    if read.museum.is_some() && wanted.museum.is_none() {
        edits.extend(blocks(source, "[museum]").into_iter().map(|block| (block, String::new())));
    }
    left_out(source, "[[step]]", &read.steps, &wanted.steps, &mut edits)?;
    left_out(source, "[[intervention]]", &read.interventions, &wanted.interventions, &mut edits)?;
    // From the end, so that the places before stay where they are.
    edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut text = source.to_owned();
    for (place, words) in edits {
        text.replace_range(place, &words);
    }
    parse::parse(&text).is_ok_and(|again| again == *wanted).then_some(text)
}

/// The text with what a run came to: `[found]` behind its head, and a line `resolved` at the end of each step and intervention
/// that has one. None where the text would not read as the file that is wanted.
pub(super) fn with_outcome(source: &str, wanted: &File) -> Option<String> {
    let mut text: String = source.split_inclusive('\n').filter(|line| !line.starts_with("resolved = ")).collect();
    for block in blocks(&text, "[found]").into_iter().rev() {
        text.replace_range(block, "");
    }
    for (heading, steps) in [("[[step]]", &wanted.steps), ("[[intervention]]", &wanted.interventions)] {
        let blocks = blocks(&text, heading);
        if blocks.len() != steps.len() {
            return None;
        }
        for (block, step) in blocks.into_iter().zip(steps).rev() {
            let Some(resolved) = &step.resolved else { continue };
            let end = block.start + text[block].trim_end().len();
            text.insert_str(end, &format!("\nresolved = {}", print::value(resolved)));
        }
    }
    if let Some(found) = &wanted.found {
        let first = blocks(&text, "[cluster]").first()?.start;
        let lines = format!(
            "[found]\nverdict = \"{}\"\nfingerprint = \"{}\"\nbuild = \"{}\"\n\n",
            found.verdict, found.fingerprint, found.build
        );
        text.insert_str(first, &lines);
    }
    parse::parse(&text).is_ok_and(|again| again == *wanted).then_some(text)
}

/// Another seed, or one where there was none.
fn seed(source: &str, document: &DeTable, read: &File, wanted: &File, edits: &mut Edits) -> Option<()> {
    if read.seed == wanted.seed {
        return Some(());
    }
    let seed = print::seed(wanted.seed?);
    match value(document, "seed") {
        Some(value) => edits.push((value.span(), seed)),
        None => {
            let end = line_end(source, value(document, "title")?.span().end);
            edits.push((end..end, format!("\nseed = {seed}")));
        }
    }
    Some(())
}

/// Switches that are on behind those of the file.
fn switches(source: &str, document: &DeTable, read: &File, wanted: &File, edits: &mut Edits) -> Option<()> {
    let more = wanted.cluster.switches.strip_prefix(read.cluster.switches.as_slice())?;
    if more.is_empty() {
        return Some(());
    }
    let names = more.iter().map(print::value).collect::<Vec<String>>().join(", ");
    let cluster = value(document, "cluster")?.get_ref().as_table()?;
    match value(cluster, "switches") {
        Some(switches) => match switches.get_ref().as_array()?.iter().last() {
            Some(last) => edits.push((last.span().end..last.span().end, format!(", {names}"))),
            None => edits.push((switches.span(), format!("[{names}]"))),
        },
        None => first_key(source, cluster, &format!("switches = [{names}]"), edits)?,
    }
    Some(())
}

/// Hazards that are treated otherwise than the file says.
fn hazards(source: &str, document: &DeTable, read: &File, wanted: &File, edits: &mut Edits) -> Option<()> {
    let (before, after) = (&read.cluster.hazards, &wanted.cluster.hazards);
    let other: BTreeMap<&str, String> = after
        .iter()
        .filter(|(name, treatment)| before.get(*name) != Some(*treatment))
        .map(|(name, treatment)| (name.value.as_str(), print::value(treatment)))
        .collect();
    if other.is_empty() {
        return Some(());
    }
    let cluster = value(document, "cluster")?.get_ref().as_table()?;
    let written = |(name, treatment): (&&str, &String)| format!("{name} = {treatment}");
    let Some(hazards) = value(cluster, "hazards") else {
        let all = other.iter().map(written).collect::<Vec<String>>().join(", ");
        return first_key(source, cluster, &format!("hazards = {{ {all} }}"), edits);
    };
    let table = hazards.get_ref().as_table()?;
    let mut new = Vec::new();
    for (name, treatment) in &other {
        match value(table, name) {
            Some(value) => edits.push((value.span(), treatment.clone())),
            None => new.push(written((name, treatment))),
        }
    }
    if let (false, Some(last)) = (new.is_empty(), table.values().map(|value| value.span().end).max()) {
        edits.push((last..last, format!(", {}", new.join(", "))));
    }
    Some(())
}

/// What of a list of tables is no longer there, each with its heading and the comment right above it.
fn left_out(
    source: &str,
    heading: &str,
    read: &[Placed<Step>],
    wanted: &[Placed<Step>],
    edits: &mut Edits,
) -> Option<()> {
    if read == wanted {
        return Some(());
    }
    let blocks = blocks(source, heading);
    if blocks.len() != read.len() {
        return None;
    }
    let mut left = wanted.iter().peekable();
    for (step, block) in read.iter().zip(blocks) {
        if left.next_if(|kept| *kept == step).is_none() {
            edits.push((block, String::new()));
        }
    }
    left.peek().is_none().then_some(())
}

/// Where a table, or the tables of a list, stand: from the comment right above a heading to the one above the next.
fn blocks(source: &str, heading: &str) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    // Where the comment begins under which we are, if we are under one.
    let mut comment = None;
    let mut is_open = false;
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let words = line.trim_end();
        if words.starts_with('[') {
            let start = comment.unwrap_or(at);
            if let (true, Some(last)) = (is_open, blocks.last_mut()) {
                last.end = start;
            }
            is_open = words.split('#').next().is_some_and(|words| words.trim_end() == heading);
            if is_open {
                blocks.push(start..source.len());
            }
        }
        comment = if words.starts_with('#') { comment.or(Some(at)) } else { None };
        at += line.len();
    }
    blocks
}

fn value<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref().as_ref() == name).map(|(_, value)| value)
}

/// A line before the first key of a section, and before what is said above that.
fn first_key(source: &str, section: &DeTable, line: &str, edits: &mut Edits) -> Option<()> {
    let first = section.keys().map(|key| key.span().start).min()?;
    let line_start = |at: usize| source[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut start = line_start(first);
    while let Some(above) = start.checked_sub(1).map(line_start).filter(|above| source[*above..].starts_with('#')) {
        start = above;
    }
    edits.push((start..start, format!("{line}\n")));
    Some(())
}

fn line_end(source: &str, from: usize) -> usize {
    source[from..].find('\n').map_or(source.len(), |end| from + end)
}

#[cfg(test)]
mod tests {
    use super::super::run::{RunOptions, run};
    use super::super::{Scenario, Seed, Span};

    const TEXT: &str = r#"# A comment of its author.
format = 1
id = "a"
title = "A title"   # and another
[cluster]
# Three of them.
brokers = 3
controllers = 1
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
# The first.
[[step]]
at = "1s"
kill = { broker = 2 }
# The second.
[[step]]
at = "2s"
note = "two"   # said aloud
[[intervention]]
at = "3s"
heal = {}
"#;

    fn scenario(text: &str) -> Scenario {
        Scenario::parse("a.toml", text).expect("a valid scenario")
    }

    /// The lines of the text that were not there before, and those that are no longer there.
    fn difference(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
        let other = |one: &str, other: &str| {
            let has = |line: &&str| !line.is_empty() && !other.lines().any(|there| there == *line);
            one.lines().filter(has).map(str::to_owned).collect()
        };
        (other(after, before), other(before, after))
    }

    #[test]
    fn a_seed_a_switch_and_a_mended_hazard_are_written_into_the_text_as_its_author_wrote_it() {
        let mut changed = scenario(TEXT);
        changed.file.seed = Some(Seed(0x2a));
        changed.turn_on("high-watermark-below-min-isr");
        changed.mend("elr-keeps-removed-replica");
        let first = changed.text();
        let added = [
            "seed = 0x2a",
            "hazards = { elr-keeps-removed-replica = \"mended\" }",
            "switches = [\"high-watermark-below-min-isr\"]",
        ];
        let (mut new, gone) = difference(TEXT, &first.text);
        new.sort_by_key(|line| added.iter().position(|one| one == line));
        assert_eq!((new, gone, first.is_reprinted), (added.map(str::to_owned).to_vec(), Vec::new(), false));
        assert_eq!(scenario(&first.text).file, changed.file);
        // And once more, where there is something of each already.
        let mut again = scenario(&first.text);
        again.file.seed = Some(Seed(7));
        again.turn_on("registration-keeps-old-epoch");
        again.mend("truncation-returns");
        let second = again.text();
        let (new, gone) = difference(&first.text, &second.text);
        assert_eq!((new.len(), gone.len(), second.is_reprinted), (3, 3, false), "{}", second.text);
        assert_eq!(scenario(&second.text).file, again.file);
    }

    /// A scenario that was changed in a way that nobody can type is printed anew, and says so.
    #[test]
    fn what_cannot_be_written_in_is_printed_anew() {
        let mut changed = scenario(TEXT);
        changed.file.title = "Another title".to_owned();
        let text = changed.text();
        assert!(text.is_reprinted && !text.text.contains("# The first."), "{}", text.text);
        assert_eq!(scenario(&text.text).file, changed.file);
    }

    /// With its bug on a piece of the museum is an ordinary scenario: it can be forked and saved, and does the same.
    #[test]
    fn every_piece_of_the_museum_with_its_bug_on_is_a_scenario_that_can_be_forked() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/museum");
        let files = std::fs::read_dir(&folder).expect("there is a museum").map(|file| file.expect("a file").path());
        let mut pieces = 0;
        for path in files.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
            let source = std::fs::read_to_string(&path).expect("a text");
            let piece = scenario(&source);
            let broken = piece.with_its_bug();
            if broken == piece {
                continue;
            }
            pieces += 1;
            let (text, at) = (broken.text(), Span { micros: 1 });
            assert!(!text.is_reprinted, "{}", path.display());
            let saved = Scenario::parse("a.toml", &text.text).unwrap_or_else(|invalid| panic!("{invalid}"));
            assert_eq!(saved.file.museum, None);
            assert_eq!((&saved.file.cluster, &saved.file.steps), (&broken.file.cluster, &broken.file.steps));
            let fork = broken.with_intervention(at, "heal = {}").unwrap_or_else(|invalid| panic!("{invalid}"));
            assert_eq!(fork.file.interventions.len(), piece.file.interventions.len() + 1);
            // Of what is left nothing is gone but the one table.
            let (_, gone) = difference(&source, &text.text);
            assert!(gone.iter().all(|line| !line.starts_with("[[")), "{}: {gone:?}", path.display());
            if ["rep-01", "kr-02"].iter().any(|one| path.to_string_lossy().contains(one)) {
                let print = |scenario: &Scenario| run(scenario, RunOptions::default(), &mut |_| true).fingerprint;
                assert_eq!(print(&saved), print(&broken), "{}", path.display());
            }
        }
        assert!(pieces > 20, "{pieces} pieces");
    }

    #[test]
    fn a_fork_without_what_comes_later_keeps_the_comments_of_what_is_left() {
        let at = Span::parse("1500ms").expect("a span");
        let fork =
            scenario(TEXT).without_later(at, 1).expect("valid").with_intervention(at, "heal = {}").expect("valid");
        let (new, gone) = difference(TEXT, &fork.source);
        assert_eq!(new, ["at = \"1.5s\""], "{}", fork.source);
        assert_eq!(gone, ["# The second.", "at = \"2s\"", "note = \"two\"   # said aloud", "at = \"3s\""]);
        assert!(!fork.is_reprinted);
    }
}
