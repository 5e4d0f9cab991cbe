//! What a class must not read before its time: what a question hides, what answers it, what comes later. On no screen, in no pane.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use trial_sim::internal::scenario::{Action as Deed, Scenario};

use super::tests::{GROUP, stage};
use crate::app::{Action, Ask, Message, Pane, Prompt, Screen, Typed};
use crate::stage::{LESSON, Stage};
use crate::theme::Look;

/// What a question hides is nowhere to be read until it is answered, and stands there when nothing is asked: for every question
/// of every lesson.
#[test]
fn no_screen_of_a_lesson_shows_what_its_questions_hide() {
    let mut questions = 0;
    for (path, source) in lessons().into_iter().filter(|(_, source)| source.contains("hide = [")) {
        let mut stage = Stage::questions_of(&source);
        while stage.model.place.steps < stage.model.tape.as_ref().expect("it is recorded").end() {
            stage.happen(Message::Do(Action::ToEnd));
            let Some(Prompt { ask: Ask::Prediction(_), .. }) = stage.model.prompt else { continue };
            if !stage.model.hidden_columns().is_empty() {
                questions += 1;
                nothing_hidden_is_read(&mut stage, &path);
            }
            stage.happen(Message::Type(Typed::Enter));
        }
    }
    assert!(questions >= 5, "{questions} questions hide something");
}

/// The files of the course, with their texts.
fn lessons() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let files = fs::read_dir(&folder).expect("there are lessons").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    sources.map(|path| (path.display().to_string(), fs::read_to_string(path).expect("a text"))).collect()
}

/// Words that stand in every sentence.
const SMALL: [&str; 18] =
    ["a", "and", "are", "as", "at", "by", "in", "is", "it", "its", "of", "on", "one", "or", "s", "the", "they", "to"];

/// Ways to say that something is not.
const NOT: [&str; 9] = ["0", "cannot", "neither", "never", "no", "nobody", "none", "not", "nothing"];

const NUMBERS: [&str; 9] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// What a text says word by word: numbers as digits, and every way to say that something is not as `not`.
fn words_of(text: &str) -> BTreeSet<String> {
    // `orders-0`, `acks=0` and `3.7` are names, and no numbers.
    let words = text.split(|sign: char| !sign.is_alphanumeric() && !['.', '-', '='].contains(&sign));
    let words = words.map(|word| word.trim_matches(['.', '-']));
    let said = |word: &str| {
        let word = word.to_lowercase();
        match NUMBERS.iter().position(|number| *number == word) {
            Some(index) => (index + 2).to_string(),
            None if NOT.contains(&word.as_str()) => "not".to_owned(),
            None => word,
        }
    };
    words.filter(|word| !word.is_empty()).map(said).filter(|word| !SMALL.contains(&word.as_str())).collect()
}

/// Whether it is the name of a machine, `b1`: a place to look at.
fn is_machine(word: &str) -> bool {
    let mut signs = word.chars();
    signs.next().is_some_and(char::is_alphabetic) && word.len() > 1 && signs.all(|sign| sign.is_ascii_digit())
}

/// Whether a text says the right choice of a question: one of its numbers, that something is not, or all of its words; of those
/// that tell it from the other choices and that the question has not said itself.
fn gives_away(text: &str, ask: &str, choices: &[String], answer: &str) -> bool {
    let asked = words_of(ask);
    let others: Vec<BTreeSet<String>> =
        choices.iter().filter(|choice| *choice != answer).map(|choice| words_of(choice)).collect();
    let is_told = |word: &String| asked.contains(word) || others.iter().all(|other| other.contains(word));
    let is_telling = |word: &String| !is_told(word) && !is_machine(word);
    let telling: BTreeSet<String> = words_of(answer).into_iter().filter(is_telling).collect();
    let said = words_of(text);
    let is_enough = |word: &&String| *word == "not" || word.starts_with(|sign: char| sign.is_ascii_digit());
    telling.intersection(&said).any(|word| is_enough(&word)) || !telling.is_empty() && telling.is_subset(&said)
}

/// The title and what to watch for stand above every question: they name where to look, and not what is seen there.
#[test]
fn neither_the_title_of_a_lesson_nor_its_banner_says_the_right_choice_of_a_question() {
    let mut questions = 0;
    for (path, source) in lessons() {
        let scenario = Scenario::parse("a.toml", &source).expect("a valid scenario");
        let watch = scenario.file.lesson.as_ref().and_then(|lesson| lesson.watch_for.as_deref()).unwrap_or_default();
        for step in &scenario.steps {
            let Deed::Predict(predict) = &step.action.value else { continue };
            questions += 1;
            for text in [scenario.file.title.as_str(), watch] {
                let tells = gives_away(text, &predict.ask, &predict.choices, &predict.answer.value);
                assert!(!tells, "{path}: {:?} answers {:?}: {}", text, predict.ask, predict.answer.value);
            }
        }
    }
    assert!(questions > 30, "{questions} questions");
}

/// What was once written above questions of the course, and would have answered them; and what may stand there.
#[test]
fn a_banner_that_says_a_number_or_that_something_is_not_answers_a_question_of_it() {
    let is_said = |text: &str, ask: &str, choices: &[&str], answer: &str| {
        let choices: Vec<String> = choices.iter().map(|choice| (*choice).to_owned()).collect();
        gives_away(text, ask, &choices, answer)
    };
    let generations = "How many generations does it take?";
    assert!(is_said("The two generations, and the rest.", generations, &["1", "2", "3"], "2"));
    assert!(!is_said("The generation of the group.", generations, &["1", "2", "3"], "2"));
    let consumer = "p2 holds three acknowledgements. What does the consumer get?";
    assert!(is_said("LEO grows, HW does not.", consumer, &["3 records", "nothing", "an error"], "nothing"));
    assert!(is_said("nobody can read it", consumer, &["3 records", "nothing", "an error"], "nothing"));
    assert!(!is_said("The three records of p2.", "How many of the three arrive?", &["3", "2"], "3"));
    let leads = ["b2, it has more", "b2, it comes first in the assignment", "nobody"];
    assert!(!is_said("Assignment 1, 2, 3: where b2 ends", "Who leads?", &leads, leads[1]));
    assert!(is_said("the later survivor wins", "Who wins?", &["the earlier one", "the later one"], "the later one"));
}

/// What is seen answers a question: an expectation that has come true, or a note of what came. A step that does the next thing
/// stands later, and whoever waits for it has long read the answer in the lines.
#[test]
fn no_outcome_is_kept_back_until_the_next_deed() {
    let mut reveals = 0;
    for (path, source) in lessons() {
        let scenario = Scenario::parse("a.toml", &source).expect("a valid scenario");
        for step in scenario.steps.iter().filter(|step| step.reveal) {
            reveals += 1;
            assert!(step.action.value.only_looks(), "{path}: step {} reveals, and does something", step.number);
        }
    }
    assert!(reveals > 20, "{reveals} reveals");
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

/// Whether a cell under a hidden column tells nothing of it: `13/?` tells the end of a log alone, and `-` that there is none.
fn is_veiled(cell: &String) -> bool {
    cell == "?" || cell == "-" || cell.ends_with("/?")
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
        assert!(told.iter().all(is_veiled), "{lesson}: {told:?} under {hidden:?} on {screen:?}:\n{asked}");
        // The marks on the ruler of a partition say the same.
        let is_ruler = |row: &str| row.starts_with("\"    marks");
        assert!(!asked.lines().any(is_ruler), "{lesson} on {screen:?}:\n{asked}");
        stage.model.prompt = None;
        let questions = stage.model.lesson.take();
        let open = stage.shown(160, 50);
        stage.model.lesson = questions;
        could_be_read |= cells_under(&open, &hidden).iter().any(|cell| !is_veiled(cell));
    }
    stage.model.prompt = prompt;
    assert!(could_be_read, "{lesson}: {hidden:?} hides nothing that is shown otherwise");
}

/// The question asks what came of the last deed before it: whoever goes there line by line reads nothing of it on the way. How far
/// the log has grown may be read: that it grows is what the question rests on.
#[test]
fn what_a_question_hides_is_hidden_from_the_deed_on_that_it_is_about() {
    let at_once = "[[step]]\npredict = ";
    let later = LESSON.replacen(
        at_once,
        &format!("[[step]]\nafter = \"200ms\"\nexpect = {{ client = \"p2\", acked = 3 }}\n\n{at_once}"),
        1,
    );
    let mut stage = Stage::questions_of(&later);
    let question = stage.model.lesson.as_ref().expect("a lesson").questions[0].clone();
    assert!(question.hidden_from < question.asked.at);
    let steps = stage.model.tape.as_ref().expect("it is recorded").steps_before(question.hidden_from);
    stage.press(&format!("t{}<Enter>", steps - 1));
    assert!(stage.shown(160, 50).contains(" 10/10 "), "{}", stage.shown(160, 50));
    let mut ends = BTreeSet::new();
    while stage.model.prompt.is_none() {
        stage.press("<Right>");
        if stage.model.place.at < question.hidden_from {
            continue;
        }
        let shown = stage.shown(160, 50);
        let told = cells_under(&shown, &["high".to_owned()]);
        assert!(told.iter().all(is_veiled), "{told:?} in\n{shown}");
        ends.extend(told);
    }
    assert!(ends.contains("10/?") && ends.contains("13/?"), "{ends:?}");
    stage.press("2<Enter>");
    assert!(stage.shown(160, 50).contains(" 13/10 "), "{}", stage.shown(160, 50));
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
