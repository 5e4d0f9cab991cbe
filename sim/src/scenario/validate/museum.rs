//! Pieces of the museum: a known bug has switches that exist, and a check that must find it. And hazards: failures of
//! Kafka 4.1 itself, by names that exist.

use super::super::diagnostic::{Diagnostic, suggestion};
use super::super::format::{File, Spanned};
use super::super::vocabulary::{hazard_named, hazard_names};
use super::cluster::check_switches;
use super::{Scope, check_name};
use crate::explore::Profile;

pub(super) fn check(file: &File, scope: &mut Scope) {
    check_hazards(file, scope);
    let Some(museum) = &file.museum else { return };
    let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    if museum.piece.is_empty() || !museum.piece.chars().all(legal) {
        let label = "expected capital letters, digits and dashes: \"REP-01\"";
        scope.mistake(Diagnostic::new("this is no number of a piece", museum.piece.span.clone(), label));
    }
    check_switches(&museum.switches, scope);
    match (&museum.property, museum.switches.is_empty()) {
        (Some(property), false) => check_name(property, scope),
        (None, true) => {}
        (Some(property), true) => {
            let label = "nothing is broken here without `switches`";
            scope.mistake(Diagnostic::new("no bug, and a check that finds it", property.span.clone(), label));
        }
        (None, false) => {
            let label = "say in `property` which check must find it";
            scope.mistake(Diagnostic::new("a bug that no check finds", museum.span.clone(), label));
        }
    }
    if let Some(profile) = &museum.profile {
        check_profile(profile, scope);
    }
    let always_on = file.cluster.switches.iter().chain(file.nodes.iter().flat_map(|node| &node.switches));
    for name in always_on {
        let label = "a piece passes as it stands: `[museum] switches` names what brings the bug back";
        scope.mistake(Diagnostic::new("this switch would always be on", name.span.clone(), label));
    }
}

/// Complains unless exploration has such a profile.
fn check_profile(profile: &Spanned<String>, scope: &mut Scope) {
    let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
    if !known.contains(&profile.as_str()) {
        let label = suggestion(profile, known);
        let title = format!("there is no profile `{}`", profile.value);
        scope.mistake(Diagnostic::new(title, profile.span.clone(), label));
    }
}

fn check_hazards(file: &File, scope: &mut Scope) {
    let shown = file.hazard.iter().map(|hazard| &hazard.name);
    for name in file.cluster.hazards.keys().chain(shown) {
        if hazard_named(&name.value).is_none() {
            let all = hazard_names();
            let label = suggestion(&name.value, all.iter().map(String::as_str).collect::<Vec<_>>());
            let title = format!("there is no hazard `{}`", name.value);
            scope.mistake(Diagnostic::new(title, name.span.clone(), label));
        }
    }
    if let Some(property) = file.hazard.as_ref().and_then(|hazard| hazard.property.as_ref()) {
        check_name(property, scope);
    }
}
