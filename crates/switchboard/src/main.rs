//! `switchboard`: the command line, the wiring of the parts, and the life of a node.

mod certificate;
mod cli;
mod commands;
mod dialects;
mod doctor;
mod exit;
mod keys;
mod output;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Every message is many small allocations, and whoever connects leaves a few large ones behind: the
/// C library's allocator takes more time for the former and gives less back of the latter.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(options) => serve::run(&options),
        Command::Migrate(options) => commands::migrate::run(&options),
        Command::Config(options) => commands::config::run(&options),
        Command::Token(options) => commands::token::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Health(options) => commands::health::run(&options),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Version => output::line(cli::version()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::problem(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}
