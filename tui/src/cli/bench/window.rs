//! The rows of the window: does it keep up with a class, and with an engineer who scrubs through a minute?
//!
//! Frames are drawn into memory, as large as a projector shows them, by the same session, model and view that a terminal gets:
//! what is left out is the terminal's own time.

use std::fs;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};
use trial_sim::internal::bench::{R1, R1_PATH};
use trial_sim::internal::scenario::format::Spanned;
use trial_sim::internal::scenario::{Scenario, Span};
use trial_sim::internal::session::{News, Session};

use crate::app::{Action, Effect, Message, Mode, Model, Screen, Whereto, update};
use crate::cli::interrupt;
use crate::cli::output::complain;
use crate::theme::Look;
use crate::view;

/// How long the recording of R1 is that is played and jumped into, from time zero.
const RECORDED: Span = Span { micros: 60_000_000 };
/// Columns and rows of a frame.
const SIZE: (u16, u16) = (120, 40);
/// How much of the world's time passes from one frame to the next, at its own pace.
const FRAME: Duration = Duration::from_micros(16_667);
/// So many frames are drawn of each screen.
const FRAMES: u32 = 300;
/// How many places are jumped to.
const JUMPS: u64 = 40;

/// How long a frame may take: sixty of them in a second.
const FRAME_GOAL: Duration = FRAME;
/// How long a jump may take, until its picture stands.
const JUMP_GOAL: Duration = Duration::from_millis(50);
/// How long a lesson may take until its first picture stands.
const OPENING_GOAL: Duration = Duration::from_millis(300);
/// How much memory the recording may take, in MiB.
const MEMORY_GOAL: u64 = 256;

/// Lessons that are opened: the one in the README, the one of a lost leader, and one with a group.
const LESSONS: [(&str, &str); 3] = [
    ("05-below-the-line", include_str!("../../../../scenarios/lessons/05-below-the-line.toml")),
    ("07-leader-loss", include_str!("../../../../scenarios/lessons/07-leader-loss.toml")),
    ("17-rebalance-cooperative", include_str!("../../../../scenarios/lessons/17-rebalance-cooperative.toml")),
];

/// What was measured of the window.
#[derive(Clone, Debug)]
pub(super) struct WindowRows {
    /// The middle one and the worst of a hundred, in the order of screens that were played.
    frames: Vec<(Screen, Spread)>,
    jumps: Spread,
    /// What opening each lesson took, until its first picture.
    openings: Vec<(&'static str, Duration)>,
    /// What the process grew by, with the session and its model; none where the system does not say.
    memory_kib: Option<u64>,
    steps: u64,
}

/// How long something took, over many times.
#[derive(Clone, Copy, Debug)]
struct Spread {
    median: Duration,
    /// The one that 99 of 100 do not exceed.
    high: Duration,
    worst: Duration,
}

impl Spread {
    fn of(mut took: Vec<Duration>) -> Spread {
        took.sort();
        let at = |part: usize| took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied();
        let worst = took.last().copied().unwrap_or_default();
        Spread { median: at(50).unwrap_or_default(), high: at(99).unwrap_or_default(), worst }
    }

    fn to_json(self) -> Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        json!({ "median_ms": ms(self.median), "of_100_ms": ms(self.high), "worst_ms": ms(self.worst) })
    }
}

/// A window without a terminal.
struct Player {
    session: Session,
    model: Model,
    terminal: Terminal<TestBackend>,
}

impl Player {
    /// Opens a run and draws its first picture.
    fn open(scenario: Scenario, mode: Mode) -> Player {
        let title = scenario.file.title.clone();
        let Ok(terminal) = Terminal::new(TestBackend::new(SIZE.0, SIZE.1));
        let mut model = Model::new(Look::default(), title, None);
        model.mode = mode;
        let mut player = Player { session: Session::open(scenario), model, terminal };
        while player.model.tape.is_none() {
            let Some(news) = player.session.wait() else { break };
            player.happen(Message::News(news));
        }
        player.draw();
        player
    }

    fn happen(&mut self, message: Message) {
        for effect in update(&mut self.model, message) {
            if let Effect::Look { steps, wanted } = effect {
                self.session.look(steps, wanted);
                if let Some(seen @ News::Seen(_)) = self.session.wait() {
                    self.happen(Message::News(seen));
                }
            }
        }
    }

    fn draw(&mut self) {
        let model = &self.model;
        let Ok(_) = self.terminal.draw(|frame| view::draw(frame, model));
    }

    /// Something happens, and its picture stands: how long that took.
    fn timed(&mut self, message: Message) -> Duration {
        let started = Instant::now();
        self.happen(message);
        self.draw();
        started.elapsed()
    }
}

impl WindowRows {
    /// Measures every row. None after Ctrl-C.
    pub(super) fn measure() -> Option<WindowRows> {
        complain("the window: a minute of R1");
        let mut scenario = parsed(R1_PATH, R1);
        scenario.file.until = Some(Spanned::nowhere(RECORDED));
        let before = resident_kib();
        let mut player = Player::open(scenario, Mode::Play);
        let memory_kib = resident_kib().zip(before).map(|(after, before)| after.saturating_sub(before));
        let steps = player.model.tape.as_ref().map_or(0, |tape| tape.end());
        let mut frames = Vec::new();
        for screen in [Screen::Cluster, Screen::Partition, Screen::Lanes] {
            frames.push((screen, played(&mut player, screen)?));
        }
        player.happen(Message::Do(Action::Show(Screen::Cluster)));
        let jumps = jumped(&mut player, steps)?;
        complain("the window: opening lessons");
        let mut openings = Vec::new();
        for (name, source) in LESSONS {
            if interrupt::asked() {
                return None;
            }
            let started = Instant::now();
            Player::open(parsed(name, source), Mode::Lesson { is_poll: false, is_presented: false });
            openings.push((name, started.elapsed()));
        }
        Some(WindowRows { frames, jumps, openings, memory_kib, steps })
    }

    pub(super) fn to_text(&self) -> String {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let mut text = String::new();
        for (screen, frames) in &self.frames {
            text += &format!(
                "frame          {}: {:.1} ms in the middle, {:.1} ms for 99 of 100, {:.1} ms at worst (goal <= {:.1} ms) playing R1 at its own pace, {} x {}\n",
                screen.name(),
                ms(frames.median),
                ms(frames.high),
                ms(frames.worst),
                ms(FRAME_GOAL),
                SIZE.0,
                SIZE.1,
            );
        }
        text += &format!(
            "window's jump  {:.1} ms in the middle, {:.1} ms at worst (goal <= {} ms) from a key to its picture, {JUMPS} places of {} steps\n",
            ms(self.jumps.median),
            ms(self.jumps.worst),
            JUMP_GOAL.as_millis(),
            self.steps,
        );
        for (name, took) in &self.openings {
            let goal = OPENING_GOAL.as_millis();
            text += &format!(
                "opening        {:.0} ms for lesson {name}, to its first picture (goal <= {goal} ms)\n",
                ms(*took)
            );
        }
        let memory = self.memory_kib.map_or("unknown".to_owned(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
        text += &format!(
            "its memory     {memory} for the recording of {RECORDED} of R1 and boot (goal <= {MEMORY_GOAL} MiB)\n"
        );
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let frames: Vec<Value> = self
            .frames
            .iter()
            .map(|(screen, frames)| json!({ "screen": screen.name(), "frame": frames.to_json() }))
            .collect();
        let openings: Vec<Value> = self
            .openings
            .iter()
            .map(|(name, took)| json!({ "lesson": name, "ms": took.as_secs_f64() * 1e3 }))
            .collect();
        json!({
            "frames": frames,
            "goal_frame_ms": FRAME_GOAL.as_secs_f64() * 1e3,
            "jump": self.jumps.to_json(),
            "goal_jump_ms": JUMP_GOAL.as_millis() as u64,
            "openings": openings,
            "goal_opening_ms": OPENING_GOAL.as_millis() as u64,
            "recording_kib": self.memory_kib,
            "goal_recording_mib": MEMORY_GOAL,
            "recorded_steps": self.steps,
        })
    }
}

fn parsed(path: &str, source: &str) -> Scenario {
    Scenario::parse(path, source).unwrap_or_else(|invalid| panic!("{path} is built in: {invalid}"))
}

/// Frames of a screen while time runs at the world's own pace, from time zero on.
fn played(player: &mut Player, screen: Screen) -> Option<Spread> {
    player.happen(Message::Do(Action::ToZero));
    player.happen(Message::Do(Action::Show(screen)));
    player.happen(Message::Do(Action::PlayOrPause));
    let mut took = Vec::new();
    for _ in 0..FRAMES {
        if interrupt::asked() {
            return None;
        }
        took.push(player.timed(Message::Tick(FRAME)));
    }
    player.happen(Message::Do(Action::PlayOrPause));
    Some(Spread::of(took))
}

/// Jumps to places that are spread by the golden ratio, the same in every bench.
fn jumped(player: &mut Player, steps: u64) -> Option<Spread> {
    let mut took = Vec::new();
    for jump in 1..=JUMPS {
        if interrupt::asked() {
            return None;
        }
        let share = (jump as f64 * 0.618_033_988_75).fract();
        let step = (steps as f64 * share) as u64;
        took.push(player.timed(Message::Go(Whereto::Step(step))));
        assert!(player.model.is_current(), "a jump ends with its picture");
    }
    Some(Spread::of(took))
}

/// What this process has in memory now, in KiB; none where the system does not say.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
