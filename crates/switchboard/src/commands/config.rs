//! `switchboard config check|show|default|docs`.

use switchboard_config::{render_default, render_docs};
use switchboard_messaging::{Clock as _, SystemClock};

use super::load;
use crate::certificate::CERT;
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
            let certificate = crate::certificate::read(&loaded.settings)?;
            for warning in &loaded.warnings {
                output::problem(&format!("warning: {warning}"));
            }
            if let Some((_, certificate)) = certificate
                && let Some(warning) = certificate.warning(SystemClock.now())
            {
                let source = loaded.settings.source(CERT);
                output::problem(&format!("warning: {source}: {CERT}: {warning}"));
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
