//! The loss budget: how many machines may be without what they had not synced, at one time.
//!
//! Kafka acknowledges from the page caches of the in-sync replicas. When enough of them
//! lose theirs together, records are gone and nobody is to blame; a seed in which that
//! happens says nothing. So lossy stops that would come on top of too many others lose
//! nothing, or are left out. The referee draws nothing: a fault that it changes leaves
//! all others as they were.

use super::Incident;
use crate::explore::cluster::Shape;
use crate::explore::text::said;
use crate::scenario::format::action::Lose;

/// The incidents, in order of time, with lossy ones made harmless where the budget is spent.
pub(super) fn within_budget(incidents: Vec<Incident>, shape: &Shape) -> Vec<Incident> {
    let budget = shape.loss_budget();
    // Who may be out, and until when. A victim that is named by what it does may be anybody.
    let mut out: Vec<(Incident, i64)> = Vec::new();
    let mut kept = Vec::new();
    for incident in incidents {
        let Some(out_for) = incident.out_for else {
            kept.push(incident);
            continue;
        };
        out.retain(|(_, until)| *until > incident.at);
        let same = |other: &Incident| other.victim == incident.victim && incident.victim.is_settled();
        let others = out.iter().filter(|(other, _)| !same(other)).count();
        if others < budget {
            out.push((incident.clone(), incident.at + out_for));
            kept.push(incident);
        } else if let Some(harmless) = harmless(incident) {
            kept.push(harmless);
        }
    }
    kept
}

/// The same power cut without a loss; nothing of the others.
fn harmless(mut incident: Incident) -> Option<Incident> {
    let (_, step) = incident.steps.first_mut()?;
    let cut = step.power_cut.as_mut()?;
    cut.value.lose = said(Lose::None);
    incident.out_for = None;
    Some(incident)
}
