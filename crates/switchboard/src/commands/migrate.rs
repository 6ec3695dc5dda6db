//! `switchboard migrate`.

use anyhow::Context;

use super::load;
use crate::cli::Migrate;
use crate::exit::{Done, Failure};
use crate::output;
use crate::serve::connect;

pub(crate) fn run(options: &Migrate) -> Done {
    let settings = load(options.file.config.as_deref())?.settings;
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let patience = settings.general.startup_timeout;
    let url = settings.database.url.expose();
    let names = runtime.block_on(connect::within(patience, "the database", async || {
        if options.dry_run {
            switchboard_store::pending(url).await
        } else {
            switchboard_store::migrate(url).await
        }
    }))?;
    let verb = if options.dry_run {
        "would apply"
    } else {
        "applied"
    };
    for name in &names {
        output::line(&format!("{verb} {name}"))?;
    }
    if names.is_empty() {
        output::line("the schema is up to date")?;
    }
    Ok::<(), Failure>(())
}
