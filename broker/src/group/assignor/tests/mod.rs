//! The assignors as Kafka's tests have them, and what must hold of any assignment.

mod properties;
mod vectors;
