//! What a run leaves: its fingerprint, its recording, and the way back to any of its steps.

pub(crate) mod fingerprint;
