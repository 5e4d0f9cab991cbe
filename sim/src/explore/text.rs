//! Small helpers to write a scenario's values: what stands in no file has no place.

use crate::scenario::Span;
use crate::scenario::format::settings::Setting;
use crate::scenario::format::{Names, Settings, Spanned, Step};

/// A value that stands in no file.
pub(crate) fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::nowhere(value)
}

/// The same, where it may be left out.
pub(crate) fn said<T>(value: T) -> Option<Spanned<T>> {
    Some(spanned(value))
}

/// A list of ids.
pub(crate) fn ids(list: &[i32]) -> Vec<Spanned<i32>> {
    list.iter().map(|id| spanned(*id)).collect()
}

/// A list of machines.
pub(crate) fn names<S: AsRef<str>>(list: &[S]) -> Names {
    Names(list.iter().map(|name| name.as_ref().to_owned()).collect())
}

/// Sets a setting.
pub(crate) fn set(settings: &mut Settings, name: &str, value: impl ToString) {
    settings.0.insert(spanned(name.to_owned()), spanned(Setting(value.to_string())));
}

/// A step at a time.
pub(crate) fn at(micros: i64, step: Step) -> Step {
    Step { at: said(Span { micros }), ..step }
}

/// A step that is left out when its target is nobody.
pub(crate) fn if_possible(step: Step) -> Step {
    Step { optional: true, ..step }
}
