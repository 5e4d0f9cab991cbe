//! One machine: a broker, a controller, or both in one process. (Being built.)

mod config;

pub use config::NodeConfig;
