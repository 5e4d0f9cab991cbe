//! What a class must not read before its time: what a question hides, what answers it, what comes later. On no screen, in no pane.

use std::fs;
use std::path::Path;

use super::tests::{GROUP, stage};
use crate::app::{Action, Ask, Message, Pane, Prompt, Screen, Typed};
use crate::stage::Stage;
use crate::theme::Look;

/// What a question hides is nowhere to be read until it is answered, and stands there when nothing is asked: for every question
/// of every lesson.
#[test]
fn no_screen_of_a_lesson_shows_what_its_questions_hide() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let files = fs::read_dir(&folder).expect("there are lessons").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let sources = sources.map(|path| (path.clone(), fs::read_to_string(path).expect("a text")));
    let mut questions = 0;
    for (path, source) in sources.filter(|(_, source)| source.contains("hide = [")) {
        let mut stage = Stage::questions_of(&source);
        while stage.model.place.steps < stage.model.tape.as_ref().expect("it is recorded").end() {
            stage.happen(Message::Do(Action::ToEnd));
            let Some(Prompt { ask: Ask::Prediction(_), .. }) = stage.model.prompt else { continue };
            if !stage.model.hidden_columns().is_empty() {
                questions += 1;
                nothing_hidden_is_read(&mut stage, &path.display().to_string());
            }
            stage.happen(Message::Type(Typed::Enter));
        }
    }
    assert!(questions >= 5, "{questions} questions hide something");
}

/// What stands under the columns of these names, wherever they are: by their names, or by one word of them.
fn cells_under(shown: &str, names: &[String]) -> Vec<String> {
    let is_named =
        |title: &str| names.iter().any(|name| title == name || title.split([' ', '/']).any(|word| word == name));
    let mut cells = Vec::new();
    // Where columns with such names begin, in the table under whose names we are.
    let mut places: Vec<usize> = Vec::new();
    for row in shown.lines() {
        let row = row.trim_matches('"');
        let letters: Vec<char> = row.chars().collect();
        let begins = |at: usize| letters[at] != ' ' && (at == 0 || at >= 2 && letters[at - 2..at] == [' ', ' ']);
        let text = |at: usize| letters[at..].iter().collect::<String>();
        let word = |at: usize| text(at).split("  ").next().unwrap_or("").trim_end().to_owned();
        let starts: Vec<usize> = (0..letters.len()).filter(|at| begins(*at)).collect();
        let is_names = ["partition", "group", "member", "for its coordinator", "name"]
            .iter()
            .any(|first| row.starts_with(&format!("{first} ")) && starts.len() > 3);
        if is_names {
            places = starts.into_iter().filter(|at| is_named(&word(*at))).collect();
        } else if row.contains('─') || row.trim().is_empty() {
            places.clear();
        } else {
            cells.extend(places.iter().filter(|at| **at < letters.len()).map(|at| word(*at)));
        }
    }
    cells
}

fn nothing_hidden_is_read(stage: &mut Stage, lesson: &str) {
    let prompt = stage.model.prompt.clone();
    let hidden = stage.model.hidden_columns();
    let mut could_be_read = false;
    for screen in Screen::ALL {
        stage.happen(Message::Do(Action::Show(screen)));
        stage.model.prompt = prompt.clone();
        let asked = stage.shown(160, 50);
        let told = cells_under(&asked, &hidden);
        assert!(told.iter().all(|cell| cell == "?"), "{lesson}: {told:?} under {hidden:?} on {screen:?}:\n{asked}");
        // The marks on the ruler of a partition say the same.
        let is_ruler = |row: &str| row.starts_with("\"    marks");
        assert!(!asked.lines().any(is_ruler), "{lesson} on {screen:?}:\n{asked}");
        stage.model.prompt = None;
        let open = stage.shown(160, 50);
        could_be_read |= cells_under(&open, &hidden).iter().any(|cell| cell != "?");
    }
    stage.model.prompt = prompt;
    assert!(could_be_read, "{lesson}: {hidden:?} hides nothing that is shown otherwise");
}

/// Any column of any table can be hidden: the state of a group, who leads, how far somebody is behind.
#[test]
fn every_column_that_a_question_names_is_hidden() {
    for name in ["leader", "epoch", "state", "generation", "behind", "committed", "high", "in sync"] {
        let question = format!(
            "predict = {{ ask = \"What?\", choices = [\"this\", \"that\"], answer = \"this\", hide = [\"{name}\"] }}"
        );
        let source = GROUP.replace("note = \"The group does not know yet.\"", &question);
        let mut stage = Stage::questions_of(&source);
        stage.happen(Message::Do(Action::ToEnd));
        assert!(stage.model.hidden_columns().contains(&name.to_owned()), "{name}: it is asked");
        nothing_hidden_is_read(&mut stage, name);
    }
}

#[test]
fn what_comes_later_is_nowhere_to_be_read() {
    let mut stage = stage(Look::default());
    stage.press("t3s<Enter>");
    for screen in ["1", "2", "3", "4", "5", "6", "x", "M", "e"] {
        stage.press(screen);
        let text = stage.shown(120, 40);
        assert!(!text.contains("NOT_ENOUGH_REPLICAS"), "refused at 12 s, and told at 3 s on {screen}:\n{text}");
    }
}

/// Whoever predicts has read neither the rule behind the question nor a note that stands behind it, on no screen.
#[test]
fn at_no_question_below_the_line_its_answer_can_be_read() {
    for source in [
        include_str!("../../../scenarios/lessons/05-below-the-line.toml"),
        include_str!("../../../scenarios/lessons/05-below-the-line-before-3-7.toml"),
        include_str!("../../../scenarios/lessons/05-below-the-line-retries.toml"),
    ] {
        let mut stage = Stage::questions_of(source);
        let mut asked = 0;
        while stage.model.place.steps < stage.model.tape.as_ref().expect("it is recorded").end() {
            stage.happen(Message::Do(Action::ToEnd));
            let Some(Prompt { ask: Ask::Prediction(index), .. }) = stage.model.prompt else { continue };
            asked += 1;
            nothing_tells(&mut stage, index);
            stage.happen(Message::Type(Typed::Enter));
        }
        assert_eq!(asked, 1);
    }
}

fn nothing_tells(stage: &mut Stage, index: usize) {
    let question = stage.model.lesson.as_ref().expect("a lesson").questions[index].clone();
    let scenario = stage.model.tape.as_ref().expect("it is recorded").scenario.clone();
    let (before, behind) = scenario.steps.split_at(question.number);
    let begins = |text: &String| text.chars().take(40).collect::<String>();
    let known = |text: &String| before.iter().any(|step| step.note.as_ref().is_some_and(|note| note.contains(text)));
    let mut secret: Vec<String> = behind.iter().filter_map(|step| step.note.as_ref()).map(begins).collect();
    secret.extend(question.why.as_ref().map(begins));
    secret.retain(|text| !known(text) && !question.ask.contains(text));
    for screen in Screen::ALL {
        stage.happen(Message::Do(Action::Show(screen)));
        for pane in [Pane::None, Pane::Explain, Pane::Metrics] {
            stage.model.pane = pane;
            let shown = stage.shown(160, 50);
            let told = secret.iter().find(|text| shown.contains(text.as_str()));
            assert_eq!(told, None, "{} tells on {screen:?} with {pane:?}:\n{shown}", scenario.path);
        }
    }
    stage.model.pane = Pane::None;
}
