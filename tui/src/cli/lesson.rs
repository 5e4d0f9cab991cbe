//! `trial lesson`: the course, one lesson in a window, or what its teacher should know.

use std::fs;
use std::io::{IsTerminal, stdin, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use trial_sim::internal::scenario::{Action, Scenario};

use super::WRONG_USE;
use super::output::{complain, print};
use super::play::{Looks, closed, show};
use super::run::read;
use crate::app::Mode;
use crate::theme::Look;
use crate::window::{Opening, follow};

/// What `trial lesson` is asked.
#[derive(Debug, Args)]
pub struct LessonOf {
    /// Its number in the course, or the id or the file's name of one of its scenarios; unless said, all are listed.
    lesson: Option<String>,
    /// Print what its teacher should know, with the questions and answers, instead of opening a window; without a lesson, what
    /// each of them teaches.
    #[arg(long)]
    notes: bool,
    /// For a projector: less at once, questions alone and large with bars for the votes. (For large text, enlarge the
    /// terminal's own.)
    #[arg(long, requires = "lesson", conflicts_with = "notes")]
    present: bool,
    /// Take the counts of a class's votes, one a choice, instead of a digit for each hand.
    #[arg(long, requires = "lesson", conflicts_with = "notes")]
    poll: bool,
    /// Write into this file where the window is, for the teacher's notes on another terminal.
    #[arg(long, value_name = "FILE", requires = "lesson", conflicts_with = "notes")]
    tell: Option<PathBuf>,
    /// On a second terminal: the teacher's notes, with the answers and what comes next. They follow the window that was
    /// opened with --tell and the same file.
    #[arg(long, value_name = "FILE", requires = "lesson", conflicts_with_all = ["notes", "tell", "present", "poll"])]
    presenter: Option<PathBuf>,
    /// Where the lessons are.
    #[arg(long, default_value = "scenarios/lessons")]
    folder: PathBuf,
    #[command(flatten)]
    looks: Looks,
}

/// Lists the lessons, or opens one. Returns the exit code.
pub fn lesson(arguments: &LessonOf) -> u8 {
    let Some(lessons) = lessons(&arguments.folder) else { return WRONG_USE };
    let Some(wanted) = &arguments.lesson else {
        let _ = print(&listed(&lessons, arguments.notes));
        return 0;
    };
    let Some(scenario) = lessons.into_iter().find(|scenario| is_wanted(scenario, wanted)) else {
        complain(&format!("error: there is no lesson {wanted}"));
        complain("hint: `trial lesson` lists them");
        return WRONG_USE;
    };
    if arguments.notes {
        let _ = print(&notes(&scenario));
        return 0;
    }
    if let Some(place) = &arguments.presenter {
        return follow_class(scenario, arguments.looks.look(), place);
    }
    let opening = Opening {
        told: arguments.tell.clone(),
        mode: Mode::Lesson { is_poll: arguments.poll, is_presented: arguments.present },
        ..arguments.looks.opening()
    };
    show(scenario, opening)
}

/// Shows the notes that follow a window. Returns the exit code.
fn follow_class(scenario: Scenario, look: Look, place: &Path) -> u8 {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        complain("error: the notes follow a window on a terminal, and this is none");
        complain("hint: --notes prints them");
        return WRONG_USE;
    }
    closed(follow(scenario, look, place))
}

/// The scenarios of a folder that are lessons, in the order of the course: of several with one number the plainest first.
fn lessons(folder: &Path) -> Option<Vec<Scenario>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            complain(&format!("error: cannot read {}: {error}", folder.display()));
            complain("hint: --folder says where the lessons are");
            return None;
        }
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    let mut lessons = Vec::new();
    for file in files {
        let scenario = read(&file)?;
        if number(&scenario).is_some() {
            lessons.push(scenario);
        }
    }
    lessons.sort_by_key(|scenario| (number(scenario), scenario.path.len(), scenario.path.clone()));
    Some(lessons)
}

fn number(scenario: &Scenario) -> Option<u32> {
    scenario.file.lesson.as_ref()?.number
}

fn is_wanted(scenario: &Scenario, wanted: &str) -> bool {
    let file = Path::new(&scenario.path).file_stem();
    scenario.file.id.value == wanted
        || file.is_some_and(|name| name == wanted)
        || wanted.parse().is_ok_and(|wanted| number(scenario) == Some(wanted))
}

/// A line a lesson, with what many believe; for a teacher with what it teaches, which answers its questions. Its other scenarios
/// stand below it.
fn listed(lessons: &[Scenario], is_for_teacher: bool) -> String {
    let mut text = String::new();
    let mut before = None;
    for scenario in lessons {
        let Some(number) = number(scenario) else { continue };
        if before == Some(number) {
            text.push_str(&format!("      also {}: {}\n", scenario.file.id.value, scenario.file.title));
            continue;
        }
        before = Some(number);
        text.push_str(&format!("{number:>4}  {}\n", scenario.file.title));
        let Some(lesson) = &scenario.file.lesson else { continue };
        let said = if is_for_teacher { &lesson.learn } else { &lesson.misconception };
        if let Some(said) = said {
            let before = if is_for_teacher { "" } else { "Many believe: " };
            text.push_str(&format!("      {before}{said}\n"));
        }
    }
    text
}

/// What a teacher should know before the class comes.
fn notes(scenario: &Scenario) -> String {
    let mut text = format!("{}\n", scenario.file.title);
    let mut say = |title: &str, words: &str| text.push_str(&format!("\n{title}\n  {words}\n"));
    if let Some(lesson) = &scenario.file.lesson {
        let parts = [
            ("What many people believe", &lesson.misconception),
            ("What to watch for", &lesson.watch_for),
            ("What it teaches", &lesson.learn),
            ("Notes", &lesson.notes),
            ("What to change next", &lesson.now_change),
        ];
        for (title, words) in parts {
            if let Some(words) = words {
                say(title, words);
            }
        }
        if !lesson.sources.is_empty() {
            say("Sources", &lesson.sources.join(", "));
        }
    }
    for step in &scenario.steps {
        if let Action::Predict(predict) = &step.action.value {
            let why = predict.why.as_deref().unwrap_or("");
            say(&predict.ask, &format!("{}: {}. {why}", predict.choices.join(" / "), predict.answer.value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What to watch for in class, what is answered wrongly, where to stop: a few sentences, and every lesson its own.
    #[test]
    fn every_lesson_has_notes_for_its_teacher() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
        let mut seen = std::collections::BTreeSet::new();
        for scenario in lessons(&folder).expect("there are lessons") {
            let notes = scenario.file.lesson.as_ref().and_then(|lesson| lesson.notes.clone()).unwrap_or_default();
            let sentences = notes.matches(['.', '?', '!']).count();
            assert!((2..=8).contains(&sentences), "{}: {notes:?}", scenario.path);
            assert!(super::notes(&scenario).contains(&notes), "--notes prints them");
            assert!(seen.insert(notes), "{} has those of another lesson", scenario.path);
        }
    }

    /// Whoever is told at its end to go on with another lesson can type that.
    #[test]
    fn every_lesson_that_another_one_names_can_be_opened() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
        let lessons = lessons(&folder).expect("there are lessons");
        let changes = lessons.iter().filter_map(|scenario| scenario.file.lesson.as_ref()?.now_change.as_deref());
        let mut named = 0;
        for name in changes.filter_map(|change| change.split_once("`trial lesson ")?.1.split_once('`').map(|it| it.0)) {
            assert!(lessons.iter().any(|scenario| is_wanted(scenario, name)), "there is no lesson {name}");
            named += 1;
        }
        assert!(named > 10, "only {named} name another");
        assert!(
            lessons.iter().any(|scenario| is_wanted(scenario, "leader-loss") && is_wanted(scenario, "07-leader-loss"))
        );
    }

    /// A class may see the list: what a lesson teaches answers its question.
    #[test]
    fn what_a_lesson_teaches_is_listed_for_its_teacher_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
        let lessons = lessons(&folder).expect("they are there");
        let (class, teacher) = (listed(&lessons, false), listed(&lessons, true));
        let learned = lessons.iter().filter_map(|scenario| scenario.file.lesson.as_ref()?.learn.as_ref());
        assert!(learned.clone().count() > 15);
        assert!(learned.clone().all(|learned| !class.contains(learned.as_str())), "{class}");
        assert!(learned.filter(|learned| teacher.contains(learned.as_str())).count() > 15, "{teacher}");
        assert!(class.contains("Many believe: ") && class.lines().any(|line| line.starts_with("   5  ")), "{class}");
    }
}
