//! Messages between machines: how far each has come, how that is drawn and said, and what is held up.
//!
//! ```text
//!   │──────Fetch─────→│   arrives 1.010 s        │─ ─ ─ Fetch ─ ─ →│   is on its way
//!   │──────Fetch──────✗   is lost                │─ ─ ─ Fetch ─ ─ ‖│   is held
//! ```

use std::collections::BTreeMap;

use trial_broker::time::Time;
use trial_sim::internal::MachineId;
use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::network::{HeldBy, InFlightView};
use trial_sim::internal::session::{Fate, Passage, Tape};

use crate::app::Model;
use crate::theme::{Glyph, Look, Role};
use crate::widget::seconds;

/// How far a message has come, as far as it is known here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It arrived, or its connection has been read.
    Arrived(Time),
    /// Nothing keeps it.
    OnItsWay,
    /// Something keeps it.
    Kept(HeldBy),
    /// An intervention took it.
    Lost,
    /// Its connection is gone.
    Gone,
}

impl Standing {
    /// Of a message, at the place of the window.
    pub(super) fn of(model: &Model, passage: &Passage) -> Standing {
        let now = model.place.steps;
        match passage.fate {
            Fate::Arrived(step, at) if step < now => return Standing::Arrived(at),
            Fate::Dropped(step, _) if step < now => return Standing::Lost,
            Fate::Arrived(..) | Fate::Dropped(..) | Fate::Open => {}
        }
        match in_flight(model).iter().find(|message| message.id == passage.message) {
            Some(InFlightView { held: Some(held), .. }) => Standing::Kept(*held),
            Some(InFlightView { held: None, .. }) => Standing::OnItsWay,
            None if model.is_current() => Standing::Gone,
            None => Standing::OnItsWay,
        }
    }

    /// How it looks.
    pub(super) fn role(self) -> Role {
        match self {
            Standing::Arrived(_) => Role::Plain,
            Standing::OnItsWay | Standing::Kept(_) | Standing::Gone => Role::Warning,
            Standing::Lost => Role::Bad,
        }
    }

    /// What is said of it.
    pub(super) fn words(self, tape: &Tape) -> String {
        let words = match self {
            Standing::Arrived(at) => return format!("arrives {}", seconds(tape.cast.micros(at))),
            Standing::OnItsWay => "is on its way",
            Standing::Kept(HeldBy::Hold) => "is held",
            Standing::Kept(HeldBy::Clog) => "is clogged",
            Standing::Kept(HeldBy::Partition) => "is cut off",
            Standing::Kept(HeldBy::PowerOff) => "waits for power",
            Standing::Kept(HeldBy::SendBuffer) => "has not left",
            Standing::Kept(HeldBy::InFront) => "waits behind one",
            Standing::Lost => "is lost",
            Standing::Gone => "never arrives",
        };
        words.to_owned()
    }

    /// Draws it from one lane to another: with gaps as long as it has not arrived, and with a head that says whether it goes on.
    pub(super) fn draw(self, look: Look, signs: &mut [char], from: usize, to: usize) {
        let (left, right) = (from.min(to), from.max(to));
        let has_gaps = match self {
            Standing::Arrived(_) | Standing::Lost => false,
            Standing::OnItsWay | Standing::Kept(_) | Standing::Gone => true,
        };
        for (column, sign) in signs.iter_mut().enumerate().take(right).skip(left + 1) {
            *sign = if has_gaps && column % 2 == 0 { ' ' } else { look.sign(Glyph::Rule) };
        }
        if right <= left + 1 {
            return;
        }
        let (head, at) = if to > from { (Glyph::Right, right - 1) } else { (Glyph::Left, left + 1) };
        let head = match self {
            Standing::Arrived(_) | Standing::OnItsWay => head,
            Standing::Kept(_) => Glyph::Still,
            Standing::Lost | Standing::Gone => Glyph::No,
        };
        signs[at] = look.sign(head);
    }
}

/// The messages between two sockets, here and now.
fn in_flight(model: &Model) -> &[InFlightView] {
    model.snapshot().filter(|_| model.is_current()).map_or(&[], |snapshot| &snapshot.in_flight)
}

/// What stands on a message's arrow.
pub fn message_label(passage: &Passage) -> String {
    match passage.kind {
        MessageKind::Request => passage.api.name().to_owned(),
        MessageKind::Response => format!("{} answer", passage.api.name()),
    }
}

/// What somebody holds up, wherever it was sent: `held: 1 from b2 to b1; cut off: 2 from b3 to b1, 1 from b1 to b3`. None if it
/// is nothing.
pub(super) fn held_up(model: &Model) -> Option<String> {
    let tape = model.tape.as_deref()?;
    let causes = [(HeldBy::Hold, "held"), (HeldBy::Clog, "clogged"), (HeldBy::Partition, "cut off")];
    let of = |(cause, word): (HeldBy, &str)| {
        let mut links: BTreeMap<(MachineId, MachineId), usize> = BTreeMap::new();
        for message in in_flight(model).iter().filter(|message| message.held == Some(cause)) {
            *links.entry((message.from, message.to)).or_default() += 1;
        }
        let name = |machine: &MachineId| tape.cast.name(*machine);
        let link = |((from, to), count): (&(MachineId, MachineId), &usize)| {
            format!("{count} from {} to {}", name(from), name(to))
        };
        let links: Vec<String> = links.iter().map(link).collect();
        (!links.is_empty()).then(|| format!("{word}: {}", links.join(", ")))
    };
    let parts: Vec<String> = causes.into_iter().filter_map(of).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
