//! `switchboard config check|show|default|docs`.

use switchboard_config::{render_default, render_docs};

use super::load;
use crate::cli::{Config, ConfigCommand};
use crate::exit::Done;
use crate::output;

pub(crate) fn run(options: &Config) -> Done {
    match &options.command {
        ConfigCommand::Check(file) => {
            let loaded = load(file.config.as_deref())?;
            crate::keys::check(&loaded.settings)?;
            crate::dialects::read(&loaded.settings)?;
            crate::serve::connect::check_redis(&loaded.settings)?;
            for warning in &loaded.warnings {
                output::problem(&format!("warning: {warning}"));
            }
            output::line("the configuration is valid")
        }
        ConfigCommand::Show(file) => {
            output::exact(&load(file.config.as_deref())?.settings.render_show())
        }
        ConfigCommand::Default => output::exact(&render_default()),
        ConfigCommand::Docs => output::exact(&render_docs()),
    }
}
