//! `switchboard migrate`.

use anyhow::Context;
use switchboard_store::SchemaState;

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
    let look = async || switchboard_store::schema_state(url).await;
    let state = runtime.block_on(connect::within(patience, "the database", look))?;
    if let SchemaState::TooNew(contracts) = state {
        return Err(connect::too_new(&contracts).into());
    }
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
