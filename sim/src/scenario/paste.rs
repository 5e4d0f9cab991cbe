//! Lines to paste: what a shell must take for one word is one word.

use std::borrow::Cow;

/// A word of a line to paste. A path with a space in it, or with a sign that a shell reads as more than itself, stands in
/// quotes.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |sign: char| sign.is_alphanumeric() || "/.,:=+@%_-".contains(sign);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_path_stands_as_it_is_and_what_a_shell_would_take_apart_stands_in_quotes() {
        assert_eq!(quoted("scenarios/lessons/07-leader-loss.toml"), "scenarios/lessons/07-leader-loss.toml");
        assert_eq!(quoted("my files/a.toml"), "'my files/a.toml'");
        assert_eq!(quoted("$HOME/it's.toml"), r"'$HOME/it'\''s.toml'");
        assert_eq!(quoted(""), "''");
    }
}
