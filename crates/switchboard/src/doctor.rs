//! `switchboard doctor`: connects to everything that is configured, and says what is wrong and how to
//! mend it. One file looks at one thing. What can be looked at together is, each for a bounded time, so
//! that something dead hides nothing else.

mod attachments;
mod auth;
mod certificate;
mod clock;
mod configuration;
mod database;
mod dns;
mod durability;
mod files;
mod finding;
mod folder;
mod hosts;
mod listeners;
mod mail;
mod memory;
mod patient;
mod peers;
mod pool;
mod postgres;
mod redis;
mod report;
mod schema;
mod sentinels;
mod shards;
mod sqlite;

use anyhow::{Context, anyhow};

use self::finding::{Finding, Status};
use self::patient::Patient;
use crate::cli::Doctor;
use crate::commands::load;
use crate::exit::{Done, Failure};
use crate::output;

pub(crate) fn run(options: &Doctor) -> Done {
    let file = options.file.config.as_deref();
    let loaded = match load(file) {
        Ok(loaded) => loaded,
        Err(errors) => {
            write(&configuration::mistakes(&errors), options.json)?;
            let text = "nothing else was looked at: the configuration cannot be used";
            return Err(Failure::Configuration(text.to_owned()));
        }
    };
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let patient = Patient {
        loaded: &loaded,
        within: options.timeout,
    };
    let findings = runtime.block_on(examine(&patient));
    write(&findings, options.json)?;
    match report::count(&findings, Status::Fail) {
        0 => Ok(()),
        1 => Err(anyhow!("one check failed").into()),
        failed => Err(anyhow!("{failed} checks failed").into()),
    }
}

/// All findings, in the order in which they are told.
async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let (auth, dns, listeners, redis, database, mail) = tokio::join!(
        auth::look(patient),
        dns::look(patient),
        listeners::look(patient),
        redis::look(patient),
        database::look(patient),
        mail::look(patient),
    );
    // What only several of these know together.
    let peers = peers::look(patient, redis.nodes.as_deref()).await;
    let pool = pool::judge(patient, database.connections, redis.nodes.as_deref());
    let clock = clock::judge(&[("Redis", redis.ahead), ("PostgreSQL", database.ahead)]);
    [
        configuration::warnings(patient),
        auth,
        dns,
        vec![files::look(patient, listeners.node.as_ref())],
        listeners.findings,
        certificate::look(patient),
        redis.findings,
        peers,
        database.findings,
        Vec::from_iter(pool),
        Vec::from_iter(clock),
        Vec::from_iter(attachments::look(patient)),
        Vec::from_iter(mail),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn write(findings: &[Finding], json: bool) -> Done {
    let text = if json {
        report::json(findings)
    } else {
        report::text(findings)
    };
    output::exact(&text)
}
