//! Mistakes in a scenario file, shown where they were made.
//!
//! ```text
//! error: there is no broker 4
//!   ╭▸ scenarios/example.toml:12:19
//!   │
//! 3 │ brokers = 3
//!   │           ─ this cluster has brokers 1 to 3
//!   ⋮
//! 12 │ kill = { broker = 4 }
//!   │                   ━ named here
//! ```

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake, or one expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub title: String,
    /// Where, and what was expected there.
    pub primary: (Range<usize>, String),
    /// Other places that explain it.
    pub context: Vec<(Range<usize>, String)>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake at a place of the file.
    pub fn new(title: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Diagnostic { title: title.into(), primary: (span, label.into()), context: Vec::new(), help: Vec::new() }
    }

    /// Adds another place that explains it.
    #[must_use]
    pub fn with_context(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.context.push((span, label.into()));
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Shows it with the lines of the file. Plain text, without colour.
    pub fn render(&self, path: &str, source: &str) -> String {
        let mut snippet = Snippet::source(source).path(path).fold(true);
        snippet = snippet
            .annotation(AnnotationKind::Primary.span(clamp(source, &self.primary.0)).label(self.primary.1.as_str()));
        for (span, label) in &self.context {
            snippet = snippet.annotation(AnnotationKind::Context.span(clamp(source, span)).label(label.as_str()));
        }
        let mut group = Level::ERROR.primary_title(self.title.as_str()).element(snippet);
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::plain().term_width(120).render(&[group])
    }
}

/// A span that lies within the source and shows at most its first line: a mark under a whole table helps nobody.
fn clamp(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = span.start.min(source.len());
    let end = span.end.clamp(start, source.len());
    match source.get(start..end).and_then(|text| text.find('\n')) {
        Some(newline) => start..start + newline,
        None => start..end,
    }
}

/// The line number of a place, from 1.
pub fn line_of(source: &str, at: usize) -> usize {
    source.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// A scenario that cannot be run: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file's path, as it was given.
    pub path: String,
    /// Its text.
    pub source: String,
    /// At least one mistake, in the order of the file.
    pub mistakes: Vec<Diagnostic>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.mistakes {
            writeln!(f, "{}\n", mistake.render(&self.path, &self.source))?;
        }
        let count = self.mistakes.len();
        let plural = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{}: {count} {plural}; nothing was run", self.path)
    }
}

impl std::error::Error for Invalid {}

/// The candidate that is spelled most like `name`, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, changes or swaps of neighbours lead from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let change = usize::from(one[i - 1] != other[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[one.len()][other.len()]
}

/// "did you mean `x`?", or the list of all if none is near and there are few.
pub fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(name, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    match all.as_slice() {
        [] => "there is none to choose from".to_owned(),
        few if few.len() <= 12 => format!("expected one of {}", listed(few)),
        many => format!("expected one of {}, … ({} in all)", listed(&many[..10]), many.len()),
    }
}

/// `a`, `b` and `c`, each in its quotes.
pub fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
