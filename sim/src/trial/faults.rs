//! What happens to a cluster while a test uses it: nothing, what a profile draws from each seed, or a list.

use crate::explore::{Profile, faults_for};
use crate::scenario::format::{File, Span, Spanned};
use crate::scenario::{Invalid, Scenario, Seed, print};

/// The faults of a [`Trial`](crate::Trial).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults(Kind);

#[derive(Clone, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    None,
    Drawn(Profile),
    Listed(String),
}

impl Faults {
    /// None: the network is quick, no disk is slow, nobody dies.
    pub fn none() -> Faults {
        Faults(Kind::None)
    }

    /// What a profile draws from each seed: another list every time.
    ///
    /// Faults stay within the loss budget: a record that was acknowledged with `acks=all` is never lost by them. They
    /// leave the test's topics and clients alone: nobody deletes topics, changes their settings, elects uncleanly.
    pub fn drawn(profile: Profile) -> Faults {
        Faults(Kind::Drawn(profile))
    }

    /// A list, as the steps of a scenario file have it: what a failing trial prints, or what somebody has written.
    ///
    /// ```
    /// use trial_sim::Faults;
    ///
    /// let faults = Faults::listed(
    ///     r#"
    ///     [[step]]
    ///     at = "2s"
    ///     kill = { leader = "orders-0" }
    ///
    ///     [[step]]
    ///     at = "5s"
    ///     start = { broker = "stopped" }
    ///     "#,
    /// );
    /// ```
    ///
    /// Times count from time zero. A list that makes no sense fails the trial before its first seed, with the place.
    pub fn listed(steps: impl Into<String>) -> Faults {
        Faults(Kind::Listed(steps.into()))
    }
}

impl From<Profile> for Faults {
    fn from(profile: Profile) -> Faults {
        Faults::drawn(profile)
    }
}

impl Faults {
    /// The scenario of a seed: the cluster of a trial with these faults within this time.
    ///
    /// # Errors
    /// What is wrong with the cluster's settings or with the list.
    pub(super) fn scenario(&self, path: &str, cluster: &File, seed: Seed, within: Span) -> Result<Scenario, Invalid> {
        let mut file = File { seed: Some(seed), ..cluster.clone() };
        let mut listed = "";
        match &self.0 {
            Kind::None => {}
            Kind::Drawn(profile) => {
                file.steps = faults_for(*profile, seed, cluster, within);
                file.until = Some(Spanned::nowhere(within));
            }
            Kind::Listed(steps) => listed = steps,
        }
        // A list is read as its author wrote it, behind the cluster: so a mistake is shown where it stands.
        Scenario::parse(path, &format!("{}\n{listed}", print::print(&file)))
    }
}

/// The steps of a scenario as text that [`Faults::listed`] takes.
pub(super) fn as_list(scenario: &Scenario) -> String {
    let text = print::print(&scenario.file);
    text.find("[[step]]").map_or(String::new(), |start| text[start..].to_owned())
}
