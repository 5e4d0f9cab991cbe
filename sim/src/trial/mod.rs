//! A trial: a test of somebody's own program against a cluster that fails, over many seeds.
//!
//! ```text
//!   Trial { cluster, faults } ──seed──▶ scenario ──▶ world: all checks on ──▶ passed
//!        program ───────────────────▶ people in it                        └─▶ shrunk, told, a line to paste
//! ```
//!
//! Everything here is put together from parts that exist: a trial's cluster and faults are a scenario, the runner of
//! scenarios plays it, the program runs beside its steps, and what fails is shrunk as ever, but for the program itself.

mod clients;
mod cluster;
mod environment;
mod failure;
mod faults;
mod properties;
mod seeds;
mod target;

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

pub use clients::{Admin, Consumer, Member, Producer, RecordMetadata, Sending};
pub use cluster::Cluster;
pub use failure::Failed;
pub use faults::Faults;
pub use seeds::Passed;

use crate::explore::mended_hazards;
use crate::explore::text::{ids, set, spanned};
use crate::scenario::format::{Cluster as Machines, File, Latency, Liveness, Outside, Settings, Span, Topic};
use environment::Environment;
use seeds::{Play, Program};

/// A test over many seeds: a cluster, faults, and a program of one's own.
///
/// ```
/// use std::time::Duration;
/// use trial_sim::{CallFailed, Cluster, Profile, Trial};
///
/// /// Whatever fails: an order that was acknowledged is read back.
/// async fn orders_are_read_back(cluster: Cluster) -> Result<(), CallFailed> {
///     let producer = cluster.producer();
///     let mut placed = Vec::new();
///     for number in 0..20 {
///         let order = format!("order {number}");
///         producer.send(("orders", order.clone())).await?;
///         placed.push(order);
///         cluster.sleep(Duration::from_secs(1)).await;
///     }
///     cluster.recovered().await;
///     let read = cluster.consumer("orders").read_to_end().await?;
///     assert_eq!(read.iter().map(|record| record.value_text()).collect::<Vec<_>>(), placed);
///     Ok(())
/// }
///
/// # fn main() {
/// Trial::new()
///     .brokers(3)
///     .topic("orders", 1, 3)
///     .faults(Profile::Lite)
///     .seeds(3)
///     .run(orders_are_read_back);
/// # }
/// ```
///
/// Nothing happens before [`Trial::run`]. Every seed is a world of its own on a thread of its own, with other
/// latencies, other faults, another order of whatever happens at once; the same seed is the same run. All checks are on
/// (`docs/src/checks.md`). A trial works inside a plain `#[test]`.
#[derive(Clone, Debug)]
#[must_use = "a trial does nothing before `run`"]
pub struct Trial {
    file: File,
    faults: Faults,
    /// For how long faults are drawn.
    faults_for: Duration,
    seeds: u64,
    patience: Duration,
}

impl Default for Trial {
    fn default() -> Self {
        Trial::new()
    }
}

impl Trial {
    /// Three brokers and three controllers, links with an exponential latency of 2 ms on average, Kafka's settings; no
    /// topics, no faults, 100 seeds. Known failures of Kafka 4.1 itself (hazards) are mended.
    pub fn new() -> Trial {
        let latency = Latency::Exponential { min: Span { micros: 300 }, mean: Span { micros: 2_000 } };
        let cluster = Machines {
            brokers: Some(spanned(3)),
            controllers: Some(spanned(3)),
            latency: Some(spanned(latency)),
            hazards: mended_hazards(),
            ..Machines::default()
        };
        let file = File {
            format: spanned(1),
            id: spanned("trial".to_owned()),
            title: "A trial of somebody's own program".to_owned(),
            cluster: spanned(cluster),
            ..File::default()
        };
        Trial {
            file,
            faults: Faults::none(),
            faults_for: Duration::from_secs(30),
            seeds: 100,
            patience: Duration::from_secs(600),
        }
    }

    /// So many brokers, 1 to 99, with the ids 1, 2, …
    pub fn brokers(mut self, count: u32) -> Trial {
        let cluster = &mut self.file.cluster.value;
        let controllers = cluster.controllers.take().unwrap_or_else(|| spanned(3));
        (cluster.brokers, cluster.controllers, cluster.combined) = (Some(spanned(count)), Some(controllers), None);
        self
    }

    /// So many controllers of their own, 1 to 99, with the ids 101, 102, …
    pub fn controllers(mut self, count: u32) -> Trial {
        let cluster = &mut self.file.cluster.value;
        let brokers = cluster.brokers.take().unwrap_or_else(|| spanned(3));
        (cluster.brokers, cluster.controllers, cluster.combined) = (Some(brokers), Some(spanned(count)), None);
        self
    }

    /// So many processes that are broker and controller at once, 1 to 99, with the ids 1, 2, …: the fastest cluster to
    /// simulate.
    pub fn combined(mut self, count: u32) -> Trial {
        let cluster = &mut self.file.cluster.value;
        (cluster.brokers, cluster.controllers, cluster.combined) = (None, None, Some(spanned(count)));
        self
    }

    /// A setting of every broker and controller, by Kafka's name: `("min.insync.replicas", 2)`.
    pub fn config(mut self, name: &str, value: impl ToString) -> Trial {
        set(&mut self.file.cluster.value.config, name, value);
        self
    }

    /// A topic that exists at time zero, with so many partitions, each on so many brokers.
    pub fn topic(self, name: &str, partitions: u32, replication_factor: u32) -> Trial {
        self.topic_with(name, partitions, replication_factor, [])
    }

    /// A topic with settings of its own, by Kafka's names: `[("min.insync.replicas", "2")]`.
    pub fn topic_with<'s>(
        mut self,
        name: &str,
        partitions: u32,
        replication_factor: u32,
        settings: impl IntoIterator<Item = (&'s str, &'s str)>,
    ) -> Trial {
        let mut config = Settings::default();
        settings.into_iter().for_each(|(name, value)| set(&mut config, name, value));
        // Where the replicas lie is laid out when the number of brokers is known.
        self.file.topics.push(Topic {
            name: spanned(name.to_owned()),
            partitions: Some(spanned(partitions)),
            replication_factor: Some(spanned(replication_factor)),
            replicas: None,
            config,
        });
        self
    }

    /// How long every message travels, one way, instead of a time that is drawn for each.
    pub fn latency(mut self, constant: Duration) -> Trial {
        let constant = Latency::Constant(Span { micros: constant.as_micros() as i64 });
        self.file.cluster.value.latency = Some(spanned(constant));
        self
    }

    /// A known bug or older behaviour of Kafka, on every broker and controller: the switches of the museum.
    pub fn switch(mut self, name: &str) -> Trial {
        self.file.cluster.value.switches.push(spanned(name.to_owned()));
        self
    }

    /// Brokers and controllers have the known failures of Kafka 4.1 itself: the hazards of the book.
    pub fn faithful(mut self) -> Trial {
        self.file.cluster.value.hazards.clear();
        self
    }

    /// What happens to the cluster: a [`Profile`](crate::Profile) from which every seed draws a list of its own, or
    /// [`Faults`].
    pub fn faults(mut self, faults: impl Into<Faults>) -> Trial {
        self.faults = faults.into();
        self
    }

    /// For how long after time zero faults are drawn: 30 s unless said. Then everything is healed. A program that wants
    /// to meet them spreads its work over this time; a leader that dies is missed for 9 s
    /// (`broker.session.timeout.ms`).
    pub fn faults_for(mut self, span: Duration) -> Trial {
        self.faults_for = span;
        self
    }

    /// How many seeds: 0, 1, 2, …; 100 of them unless said. The environment may choose others, see [`Trial::run`].
    ///
    /// # Panics
    /// If the count is 0: a trial without a seed proves nothing.
    #[track_caller]
    pub fn seeds(mut self, count: u64) -> Trial {
        assert!(count > 0, "a trial without a seed proves nothing");
        self.seeds = count;
        self
    }

    /// How long, in virtual time, the program may go on when the last fault is over and the cluster is healed: 10
    /// minutes unless said.
    pub fn patience(mut self, span: Duration) -> Trial {
        self.patience = span;
        self
    }

    /// Runs the program once for each seed, as many worlds at once as there are cores. To be called in a plain `#[test]`:
    /// a `#[tokio::test]` of madsim's is a simulation already, in which no world can have a thread of its own.
    ///
    /// The program gets the cluster at its time zero. It may spawn tasks and use timers and channels of madsim's
    /// tokio: they live on the cluster's timeline. A run is over when the program has ended, the last fault is over,
    /// and the healed cluster has recovered. One seed in fifty, the first among them, runs twice and must be the same
    /// run.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `TRIAL_SEED=0x11` | runs this seed alone |
    /// | `TRIAL_SEEDS=5000` | runs so many seeds, or those of a range `5000..6000` |
    /// | `TRIAL_JOBS=4` | runs so many worlds at once |
    /// | `TRIAL_FAULTS=FILE` | takes the faults that this file lists |
    /// | `TRIAL_TRACE=lanes` | prints the transcript, when a single seed runs: `lanes`, `full` or `json` |
    ///
    /// # Panics
    /// With the whole story when a seed fails: the program panicked or returned an error, a check found a broken
    /// promise, the cluster did not recover, the program did not end, or two runs of one seed differed. Of several seeds
    /// that fail the lowest is told, whatever the number of jobs; its faults are shrunk for as long as it fails in the
    /// same way. When something was forgiven in each of several seeds, for then nothing was asked of any of them. Also when the cluster, the
    /// faults or the environment make no sense.
    #[track_caller]
    pub fn run<P, Fut>(self, program: P) -> Passed
    where
        P: Fn(Cluster) -> Fut + Sync,
        Fut: Future<Output: Ending> + 'static,
    {
        let passed = match self.try_run(program) {
            Ok(passed) => passed,
            Err(failed) => panic!("{failed}"),
        };
        assert!(
            !passed.has_shown_nothing(),
            "in each of the {} seeds so much was lost that Kafka promises nothing: the trial has shown nothing\n\
             hint: draw fewer faults, or give the topics more replicas",
            passed.seeds
        );
        passed
    }

    /// As [`Trial::run`], for who wants to look at the failure.
    ///
    /// # Errors
    /// The failure of the lowest seed that fails.
    ///
    /// # Panics
    /// When the cluster, the faults or the environment make no sense, or it is called inside of a simulation.
    #[track_caller]
    pub fn try_run<P, Fut>(self, program: P) -> Result<Passed, Box<Failed>>
    where
        P: Fn(Cluster) -> Fut + Sync,
        Fut: Future<Output: Ending> + 'static,
    {
        match Environment::read(environment::variable) {
            Ok(environment) => self.try_run_in(&environment, program),
            Err(mistake) => panic!("{mistake}"),
        }
    }

    #[track_caller]
    fn try_run_in<P, Fut>(mut self, environment: &Environment, program: P) -> Result<Passed, Box<Failed>>
    where
        P: Fn(Cluster) -> Fut + Sync,
        Fut: Future<Output: Ending> + 'static,
    {
        assert!(
            madsim::runtime::Handle::try_current().is_err(),
            "a trial was started inside of a simulation, where no world can have a thread of its own: begin it in a plain \
             #[test], not in a #[tokio::test] and not in the program of another trial"
        );
        if let Some(path) = &environment.faults {
            match std::fs::read_to_string(path) {
                Ok(list) => self.faults = Faults::listed(list),
                Err(error) => panic!("TRIAL_FAULTS={path}: {error}"),
            }
        }
        self.lay_out();
        let start: &Program = &|world, cluster| {
            crate::people::Crowd::new(world, |handle, people| {
                let ending = program(cluster(handle, people));
                async move { ending.await.result() }
            })
        };
        Play { trial: &self, environment, program: start, name: seeds::test_name() }.run()
    }

    /// Lays out what depends on the size of the cluster: who must recover, and where replicas lie.
    fn lay_out(&mut self) {
        let cluster = &self.file.cluster.value;
        let number = |count: &Option<crate::scenario::format::Spanned<u32>>| {
            count.as_ref().map_or(0, |count| i32::try_from(count.value).unwrap_or(i32::MAX).min(99))
        };
        let brokers: Vec<i32> = (1..=number(&cluster.brokers).max(number(&cluster.combined))).collect();
        let controllers = (101..).take(number(&cluster.controllers) as usize);
        let core = brokers.iter().copied().chain(controllers);
        self.file.liveness = Some(Liveness::of_core(core, Outside::default()));
        for topic in &mut self.file.topics {
            let (Some(partitions), Some(factor)) = (&topic.partitions, &topic.replication_factor) else { continue };
            if factor.value as usize > brokers.len() {
                continue; // The scenario's own check says what is wrong.
            }
            // Partition after partition, each one broker further: leaders are spread, and so are followers.
            let replicas = |first: usize| (first..first + factor.value as usize).map(|at| brokers[at % brokers.len()]);
            let lists = (0..partitions.value as usize).map(|first| spanned(ids(&replicas(first).collect::<Vec<_>>())));
            topic.replicas = Some(spanned(lists.collect()));
            (topic.partitions, topic.replication_factor) = (None, None);
        }
    }
}

/// How a program of a trial may end: with nothing, or with a result whose error fails the trial.
pub trait Ending: 'static {
    /// The error in words.
    ///
    /// # Errors
    /// What the program returned as its error.
    fn result(self) -> Result<(), String>;
}

impl Ending for () {
    fn result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T: 'static, E: Display + 'static> Ending for Result<T, E> {
    fn result(self) -> Result<(), String> {
        self.map(drop).map_err(|error| format!("it returned an error: {error}"))
    }
}
