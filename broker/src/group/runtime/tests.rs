//! Coordinators on a log of their own: loaded, written, committed, refused, given up.
