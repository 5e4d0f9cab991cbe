//! Groups that change their protocol, as stories: a shard whose writes are committed at once, with members of both kinds.

mod bench;
mod random;
mod stories;
