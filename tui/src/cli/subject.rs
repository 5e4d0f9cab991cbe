//! Which run a command is about: a scenario file, or a seed of exploration with what it is drawn from.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use trial_sim::internal::explore::{Drawing, Profile, drawn_from, scenario_of};
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::scenario::vocabulary::hazard_names;
use trial_sim::internal::scenario::{Scenario, Seed};
use trial_sim::internal::session::Kept;

use super::explore::parse_profile;
use super::output::complain;
use super::run::read;
use super::{in_order, known_hazard, known_switch};

/// A run that can be done again.
#[derive(Debug, Args)]
pub struct Subject {
    /// A scenario file, or where it is only to be seen a recording; or a seed of exploration, 42 or 0x2a. (A file of such a
    /// name is ./42.)
    #[arg(value_name = "FILE|SEED")]
    what: String,
    /// What the seed is drawn from; `default` unless said.
    #[arg(long, value_parser = parse_profile)]
    profile: Option<Profile>,
    /// Brings a known bug back on every broker and controller, as in `trial run`; may be given several times.
    #[arg(long = "switch", value_name = "NAME", value_parser = known_switch)]
    switches: Vec<String>,
    /// Mend a failure that Kafka 4.1 itself has, or `all`, in a file; may be given several times.
    #[arg(long, value_name = "HAZARD", value_parser = known_hazard)]
    mended: Vec<String>,
    /// The seed was drawn with more losses than the loss budget covers.
    #[arg(long)]
    over_budget: bool,
    /// The seed was run with the hazards of Kafka 4.1, which exploration mends otherwise.
    #[arg(long)]
    faithful: bool,
}

impl Subject {
    /// The seed, if that is what it is.
    fn seed(&self) -> Option<Seed> {
        Seed::parse(&self.what).ok()
    }

    /// The words that name this run to other commands.
    pub fn words(&self) -> String {
        let mut words = quoted(&self.what).into_owned();
        words.extend(self.profile.iter().map(|profile| format!(" --profile {profile}")));
        words.extend(self.switches.iter().map(|name| format!(" --switch {name}")));
        words.extend(self.mended.iter().map(|name| format!(" --mended {name}")));
        let drawing = [(self.over_budget, " --over-budget"), (self.faithful, " --faithful")];
        words.extend(drawing.iter().filter(|(is_said, _)| *is_said).map(|(_, option)| *option));
        words
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.seed().is_none()
    }

    /// Whether something is said that does not stand in the file.
    pub fn is_changed(&self) -> bool {
        !self.switches.is_empty() || !self.mended.is_empty()
    }

    /// The path, if it is a file that begins as a recording does.
    pub fn recording(&self) -> Option<&Path> {
        let path = Path::new(&self.what);
        let mut first = [0; 64];
        let length = self.is_file().then(|| File::open(path).and_then(|mut file| file.read(&mut first)).ok())??;
        Kept::is_one(&first[..length]).then_some(path)
    }

    /// A recording with the scenario of its run.
    ///
    /// # Errors
    /// What is wrong and what can be done about it: it cannot be read, this build cannot repeat it, or something was said of
    /// the run that only a recording says itself.
    pub fn read_recording(&self, path: &Path) -> Result<(Scenario, Kept), (String, String)> {
        let wrong = |what: &dyn std::fmt::Display, hint: &str| (what.to_string(), hint.to_owned());
        if self.profile.is_some() || self.is_changed() || self.over_budget || self.faithful {
            let what = "it is one run, with its own seed and switches";
            return Err(wrong(&what, "name it alone, or give its scenario"));
        }
        let bytes = fs::read(path).map_err(|error| wrong(&error, "look at the file"))?;
        let kept = Kept::parse(&bytes)?;
        if let Some((what, _)) = kept.refusal() {
            let hint = "use the build that made it; `trial play --again` runs its scenario anew with this one";
            return Err((what, hint.to_owned()));
        }
        let scenario =
            kept.scenario().map_err(|complaint| wrong(&complaint, "the build that made it can repeat it"))?;
        Ok((scenario, kept))
    }

    /// The file's own name, or the seed with all that it is drawn from: where a file lay is nobody's business later.
    pub fn name(&self) -> String {
        let drawing = Drawing { over_budget: self.over_budget, faithful: self.faithful };
        match self.seed() {
            Some(seed) => drawn_from(self.profile.unwrap_or_default(), seed, drawing, &in_order(&self.switches)),
            None => {
                let name = Path::new(&self.what).file_name();
                name.map_or_else(|| self.what.clone(), |name| name.to_string_lossy().into_owned())
            }
        }
    }

    /// Where something that is made of it lies unless said: beside the file, or here.
    pub fn beside(&self, extension: &str) -> PathBuf {
        match self.seed() {
            Some(seed) => PathBuf::from(format!("{}-{seed}.{extension}", self.profile.unwrap_or_default())),
            None => Path::new(&self.what).with_extension(extension),
        }
    }

    /// Whether a path names the file itself.
    pub fn is_at(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        self.is_file() && real(path).is_some_and(|path| real(Path::new(&self.what)) == Some(path))
    }

    /// Its scenario, with its switches on; or says why there is none.
    pub fn scenario(&self) -> Option<Scenario> {
        let drawing = Drawing { over_budget: self.over_budget, faithful: self.faithful };
        let Some(seed) = self.seed() else { return self.of_file(drawing) };
        if !self.mended.is_empty() {
            complain("error: a seed has all hazards mended, or with --faithful none: --mended is for files");
            return None;
        }
        Some(scenario_of(self.profile.unwrap_or_default(), seed, drawing, &in_order(&self.switches)))
    }

    fn of_file(&self, drawing: Drawing) -> Option<Scenario> {
        if self.profile.is_some() || drawing != Drawing::default() {
            complain(
                "error: --profile, --over-budget and --faithful say what a seed is drawn from, and this is a file",
            );
            return None;
        }
        let path = Path::new(&self.what);
        if !path.exists() {
            complain(&format!("error: there is no file {:?}, and it is no seed either", self.what));
            complain(
                "hint: a seed is a number of 64 bits, 42 or 0x2a; a scenario is a file, such as scenarios/lessons/07-leader-loss.toml",
            );
            return None;
        }
        let mut scenario = read(path)?;
        self.switches.iter().for_each(|switch| scenario.turn_on(switch));
        mend(&mut scenario, &self.mended);
        Some(scenario)
    }
}

/// Mends the hazards that are named, or all.
pub fn mend(scenario: &mut Scenario, named: &[String]) {
    let is_named = |hazard: &&String| named.iter().any(|name| name == *hazard || name == "all");
    hazard_names().iter().filter(is_named).for_each(|hazard| scenario.mend(hazard));
}
