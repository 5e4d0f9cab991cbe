//! `trial`: put Kafka on trial from the command line, and look at it in a window.

mod app;
mod cli;
mod export;
mod keys;
#[cfg(test)]
mod script;
#[cfg(test)]
mod stage;
mod theme;
mod view;
mod widget;
mod window;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
