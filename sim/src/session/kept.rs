//! A recording as a file: what is needed to see a run again, and the proof that it is the same.
//!
//! ```text
//!   trial recording 2
//!   {"build":"…","seed":"0x5","steps":3412,"fingerprint":"…","marks":["…", …],"bytes":2873, …}
//!   format = 1                                      the scenario's text, as it was
//!   …
//!   end of recording 9b1f…                          the digest of head and text
//! ```
//!
//! A run is made again from its scenario and seed faster than its steps could be read, and no step of it can be forged: every
//! 256th fingerprint stands in the file. The price is that another build cannot open it; it says so instead of showing
//! something else.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Tape;
use crate::internal::BUILD;
use crate::scenario::vocabulary::{hazard_names, switch_names};
use crate::scenario::{Scenario, Seed};

/// What the first line of such a file begins with.
const FIRST: &str = "trial recording ";
/// The version of the format.
const FORMAT: &str = "2";
/// What the last line begins with: without it something is missing. Behind it stands a digest.
const LAST: &str = "end of recording ";
/// How many digits a number has in hexadecimal.
const DIGITS: usize = 16;
/// A fingerprint is kept of every so many steps.
const MARK_EVERY: u64 = 256;

/// A recording that was read from a file, or is to be written to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    head: Head,
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// The digest of the sources that made it, in hexadecimal.
    build: String,
    /// What the scenario was read from.
    path: String,
    seed: String,
    /// Switches that do not stand in the scenario.
    switches: Vec<String>,
    /// Hazards that were mended and are not in the scenario.
    mended: Vec<String>,
    /// How many steps the run has.
    steps: u64,
    /// The fingerprint of all of them, in hexadecimal.
    fingerprint: String,
    /// The fingerprints of steps 255, 511, …
    marks: Vec<String>,
    /// The length of the scenario's text.
    bytes: usize,
}

fn hexadecimal(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

fn marks(tape: &Tape) -> Vec<String> {
    let numbered = tape.steps.iter().filter(|step| (step.index + 1).is_multiple_of(MARK_EVERY));
    numbered.map(|step| hexadecimal(step.fingerprint)).collect()
}

fn last_fingerprint(tape: &Tape) -> String {
    hexadecimal(tape.steps.last().map_or(0, |step| step.fingerprint))
}

impl Kept {
    /// Whether a file begins as a recording does, whatever follows.
    pub fn is_one(text: &[u8]) -> bool {
        text.starts_with(FIRST.as_bytes())
    }

    /// The recording of a run.
    pub fn of(tape: &Tape) -> Kept {
        let scenario = &tape.scenario;
        let head = Head {
            build: BUILD.to_owned(),
            path: scenario.path.clone(),
            seed: tape.report.seed.to_string(),
            switches: scenario.turned_on().map(str::to_owned).collect(),
            mended: scenario.mended().map(str::to_owned).collect(),
            steps: tape.end(),
            fingerprint: last_fingerprint(tape),
            marks: marks(tape),
            bytes: scenario.source.len(),
        };
        Kept { head, source: scenario.source.clone() }
    }

    /// As it stands in a file.
    pub fn to_text(&self) -> String {
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        format!("{FIRST}{FORMAT}\n{head}\n{}\n{LAST}{}\n", self.source, self.digest())
    }

    /// The digest of all but the build, whose name is looked at by itself: a recording in which something decayed must not be
    /// taken for that of another run, or its scenario for a wrong one.
    fn digest(&self) -> String {
        let head = serde_json::to_string(&Head { build: String::new(), ..self.head.clone() }).unwrap_or_default();
        hexadecimal(xxh3_64(format!("{head}\n{}", self.source).as_bytes()))
    }

    /// Reads a file that begins as a recording.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and one that says what to do.
    pub fn parse(text: &[u8]) -> Result<Kept, (String, String)> {
        let copy_again = "copy it again, or record it again with `:record FILE` in `trial play`";
        let wrong = |what: String| (what, copy_again.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is damaged: no UTF-8 text".to_owned()))?;
        let (first, rest) = text.split_once('\n').ok_or_else(|| wrong("it ends in its first line".to_owned()))?;
        let version = first.strip_prefix(FIRST).unwrap_or(first);
        if version != FORMAT {
            let hint = "the build that made it can read it".to_owned();
            return Err((format!("it has format {version}, and this is a reader of format {FORMAT}"), hint));
        }
        let (head, rest) = rest.split_once('\n').ok_or_else(|| wrong("it ends in its head".to_owned()))?;
        let head: Head =
            serde_json::from_str(head).map_err(|error| wrong(format!("its head cannot be read: {error}")))?;
        let whole = head.bytes.saturating_add("\n".len() + LAST.len() + DIGITS + "\n".len());
        if rest.len() < whole {
            return Err(wrong(format!("it is cut short: {} of {whole} bytes behind its head are there", rest.len())));
        }
        let end = rest.get(head.bytes..).and_then(|end| end.strip_prefix('\n')).filter(|_| rest.len() == whole);
        let digest = end.and_then(|end| end.strip_prefix(LAST)?.strip_suffix('\n'));
        let (Some(digest), Some(source)) = (digest, rest.get(..head.bytes)) else {
            return Err(wrong("it is damaged: its end is not where its head says".to_owned()));
        };
        let kept = Kept { source: source.to_owned(), head };
        match digest == kept.digest() {
            true => Ok(kept),
            false => Err(wrong("it is damaged: something in it is not what was written".to_owned())),
        }
    }

    /// Why this build cannot show it, and what can be done.
    pub fn refusal(&self) -> Option<(String, String)> {
        let made = &self.head.build;
        (made != BUILD).then(|| {
            let what = format!(
                "it was made by build {made}, and this is build {BUILD}: the same seed may do something else here"
            );
            (
                what,
                "open it with the build that made it, or add --again to run its scenario anew with this one".to_owned(),
            )
        })
    }

    /// The run to make again.
    ///
    /// # Errors
    /// The scenario in it is none for this build; in words.
    pub fn scenario(&self) -> Result<Scenario, String> {
        let mut scenario = Scenario::parse(&self.head.path, &self.source).map_err(|invalid| invalid.to_string())?;
        scenario.file.seed = Some(Seed::parse(&self.head.seed)?);
        let known = |name: &&String, names: &[String]| names.contains(*name);
        let (switches, hazards) = (switch_names(), hazard_names());
        if let Some(unknown) = self.head.switches.iter().find(|name| !known(name, &switches)) {
            return Err(format!("there is no switch {unknown} in this build"));
        }
        self.head.switches.iter().for_each(|switch| scenario.turn_on(switch));
        self.head.mended.iter().filter(|name| known(name, &hazards)).for_each(|hazard| scenario.mend(hazard));
        Ok(scenario)
    }

    /// The first steps between which a run is another than the recorded one; none if it is the same.
    pub fn difference(&self, tape: &Tape) -> Option<(u64, u64)> {
        let again = marks(tape);
        let equal = self.head.marks.iter().zip(&again).take_while(|(one, other)| one == other).count() as u64;
        let is_same = (self.head.steps, &self.head.fingerprint, &self.head.marks)
            == (tape.end(), &last_fingerprint(tape), &again);
        (!is_same).then(|| (equal * MARK_EVERY, (equal + 1) * MARK_EVERY - 1))
    }
}
