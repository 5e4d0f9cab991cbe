//! Assignors against the results of Kafka's own tests, and against what any assignment must be.

mod properties;
mod vectors;
