//! The short commands.

pub(crate) mod config;
pub(crate) mod health;
pub(crate) mod migrate;
pub(crate) mod token;
pub(crate) mod verify;

use std::path::Path;

use switchboard_config::{ConfigErrors, Loaded, Settings, process_environment};

/// The configuration, from the file and the process's environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded, ConfigErrors> {
    Settings::load(file, process_environment())
}
