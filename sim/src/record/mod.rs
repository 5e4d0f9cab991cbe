//! What a run leaves: its fingerprint, its recording, and the way back to any of its steps.
//!
//! ```text
//!   steps    0 1 2 3 … 4095 4096 4097 …            what was seen, to read and to compare
//!   copies   ●              ●                      worlds, to step again from
//!   outside      ▲entry   ▲call                    the only things that did not come from inside
//! ```
//!
//! The state at any step is the nearest copy before it, stepped again: that needs neither
//! madsim nor people. Looking back never resumes a future.

pub(crate) mod fingerprint;
mod recorder;
mod replay;

pub use recorder::{Outside, Recording};
pub use replay::Divergence;
