//! Complaints about a line that was typed, in the language in which it was typed: files say `{ broker = 1 }` where one types
//! `broker=1`.

use super::super::diagnostic::Diagnostic;

/// A mistake without the lines of the file: what is wrong, and what can be done about it.
pub fn in_words(mistake: &Diagnostic) -> String {
    // A label that only points at a place says nothing without it.
    let label = Some(mistake.primary.1.as_str()).filter(|label| !label.is_empty() && !label.ends_with("here"));
    let context = mistake.context.iter().map(|(_, label)| label.as_str());
    let hints = label.into_iter().chain(context).chain(mistake.help.iter().map(String::as_str));
    hints.fold(typed(&mistake.title), |text, hint| format!("{text}; {}", typed(hint)))
}

/// A hint with its tables as words.
fn typed(hint: &str) -> String {
    let mut text = String::new();
    let mut rest = hint;
    while let Some((before, table)) = rest.split_once('{') {
        let Some((inside, after)) = table.split_once('}') else { break };
        text.push_str(before);
        text.push_str(&words_of(inside).unwrap_or_else(|| format!("{{{inside}}}")));
        rest = after;
    }
    text.push_str(rest);
    text.replace(" = ", "=").replace('"', "")
}

/// The fields of a table as they are typed; nothing where that is none.
fn words_of(inside: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(&format!("it = {{{inside}}}")).ok()?;
    let fields = table.get("it")?.as_table()?.iter();
    Some(fields.map(|(key, value)| word(key, value)).collect::<Vec<String>>().join(" "))
}

fn word(key: &str, value: &toml::Value) -> String {
    match value {
        toml::Value::Array(groups) if key == "groups" => {
            groups.iter().map(|group| list(group, " ")).collect::<Vec<String>>().join(" | ")
        }
        other => format!("{key}={}", list(other, ",")),
    }
}

fn list(value: &toml::Value, between: &str) -> String {
    match value {
        toml::Value::Array(elements) => {
            elements.iter().map(|element| list(element, between)).collect::<Vec<String>>().join(between)
        }
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Scenario, Span};
    use super::super::line;
    use super::*;

    fn complaint(typed: &str) -> String {
        let source = include_str!("../../../../scenarios/lessons/05-below-the-line.toml");
        let scenario = Scenario::parse("a.toml", source).expect("a valid scenario");
        let line = line(typed).expect("an action");
        let invalid = scenario.with_intervention(Span { micros: 1 }, &line).expect_err("it is wrong");
        in_words(&invalid.mistakes[0])
    }

    #[test]
    fn a_hint_speaks_the_language_of_the_prompt_and_no_file_s() {
        let nobody = complaint("kill");
        assert!(nobody.contains("name one: broker=1, leader=orders-0") && !nobody.contains('{'), "{nobody}");
        let nothing = complaint("partition");
        assert!(nothing.contains("b1 | b2 b3 c1 cuts both ways, from=b3 to=b1 one way"), "{nothing}");
        assert!(complaint("skew b1").contains("`by=…`"), "{}", complaint("skew b1"));
    }

    #[test]
    fn what_is_misspelt_is_answered_with_the_nearest_that_there_is() {
        for (typed, near) in [
            ("hold api=Fech", "there is no API `Fech`; did you mean `Fetch`?"),
            ("kill leader=order-0", "there is no topic `order`; did you mean `orders`?"),
            ("crash p3", "there is no client `p3`; did you mean `p1`?"),
            ("partition b1 | bb2", "there is no machine `bb2`; did you mean `b2`?"),
            ("power-cut b1 lose=everything", "`everything` is not possible here; expected one of `all`, `none`"),
            ("power-cut b1 lose=al", "did you mean all?"),
        ] {
            assert!(complaint(typed).contains(near), "{typed}: {}", complaint(typed));
        }
    }
}
