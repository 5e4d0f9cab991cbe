//! Tests of the quorum member: tables, stories, and a simulation with random faults.

mod disk;
mod harness;
mod simulation;
mod stories;
mod tables;
mod vectors;
