//! Repeating a recording, and saying where it went another way.

use std::fmt;

use super::recorder::Recording;

/// The first step of a repetition that differs from what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The step's number.
    pub step: u64,
    /// What was recorded.
    pub recorded: String,
    /// What the repetition did; none if it did nothing.
    pub repeated: Option<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "step {} was not repeated: something depends on more than the seed and the list", self.step)?;
        writeln!(f, "  recorded: {}", self.recorded)?;
        write!(f, "  repeated: {}", self.repeated.as_deref().unwrap_or("nothing"))
    }
}

impl std::error::Error for Divergence {}

impl Recording {
    /// Runs the recording again from its beginning and compares every step: inputs, outputs,
    /// choices, events, and the fingerprint.
    ///
    /// # Errors
    /// The first step that differs.
    pub fn replay(&self) -> Result<(), Divergence> {
        let mut again = self.again();
        for recorded in self.steps() {
            let repeated = again.step();
            // The fingerprint covers all that a step did; the text is for whoever has to find out why.
            if repeated.as_ref().is_none_or(|repeated| {
                repeated.fingerprint != recorded.fingerprint || format!("{repeated:?}") != format!("{recorded:?}")
            }) {
                return Err(Divergence {
                    step: recorded.index,
                    recorded: format!("{recorded:?}"),
                    repeated: repeated.map(|repeated| format!("{repeated:?}")),
                });
            }
        }
        Ok(())
    }
}
