//! PostgreSQL: whether a node could use it, and what else it says.

use std::time::{Duration, Instant};

use switchboard_messaging::store::StoreResult;
use switchboard_store::{PostgresExamination, PostgresFacts, PostgresTrouble};

use super::database::Database;
use super::finding::Finding;
use super::patient::Patient;
use super::{durability, schema};

const CHECK: &str = "postgres";

/// The oldest version that is tested.
const OLDEST: i32 = 150_000;

pub(super) async fn look(patient: &Patient<'_>) -> Database {
    let mut database = Database::default();
    let url = patient.settings().database.url.expose();
    let began = Instant::now();
    let connected = patient.bounded(PostgresExamination::connect(url)).await;
    let trouble = match connected {
        Ok(Ok(mut postgres)) => {
            let took = began.elapsed();
            let asking = asked(patient, &mut postgres);
            if let Ok((facts, ahead)) = patient.bounded(asking).await {
                database.ahead = ahead.ok();
                told(facts, took, &mut database);
            } else {
                let why = "it took the connection and says nothing".to_owned();
                let trouble = PostgresTrouble::Unreachable(why);
                database.findings.push(unusable(patient, &trouble));
                return database;
            }
            // Who is slow to say goodbye is not waited for.
            let _ = patient.bounded(postgres.close()).await;
            database
                .findings
                .push(schema::look(patient, "postgres.schema").await);
            return database;
        }
        Ok(Err(trouble)) => trouble,
        Err(late) => PostgresTrouble::Unreachable(late),
    };
    database.findings.push(unusable(patient, &trouble));
    database
}

type Asked = (StoreResult<PostgresFacts>, StoreResult<i64>);

async fn asked(patient: &Patient<'_>, postgres: &mut PostgresExamination) -> Asked {
    let facts = postgres.facts().await;
    let ahead = patient.ahead(postgres.time()).await;
    (facts, ahead)
}

fn told(facts: StoreResult<PostgresFacts>, took: Duration, database: &mut Database) {
    match facts {
        Ok(facts) => {
            database.findings.push(server(&facts, took));
            database.findings.push(durability::judge(&facts));
            database.connections = Some(i64::from(facts.connections));
        }
        Err(error) => database.findings.push(Finding::fail(
            CHECK,
            format!("connected, but it does not say what it is: {error}"),
            "see what it says; something between (a pooler) may answer in its place",
        )),
    }
}

fn server(facts: &PostgresFacts, took: Duration) -> Finding {
    let found = format!(
        "connected in {} ms to PostgreSQL {}, database {} as {}, {} of {} connections in use",
        took.as_millis(),
        facts.version,
        facts.database,
        facts.username,
        facts.connected,
        facts.connections
    );
    if facts.is_standby || facts.is_read_only {
        let what = if facts.is_standby {
            "it is a standby, which takes no writes"
        } else {
            "its transactions are read-only"
        };
        let mend = "let database.url name the primary (`target_session_attrs` is not looked at), \
                    and `default_transaction_read_only` be off";
        return Finding::fail(CHECK, format!("{found}; {what}"), mend);
    }
    if facts.version_number < OLDEST {
        return Finding::fail(CHECK, found, "upgrade to PostgreSQL 15 or newer");
    }
    Finding::ok(CHECK, found)
}

fn unusable(patient: &Patient<'_>, trouble: &PostgresTrouble) -> Finding {
    let url = &patient.settings().database.url;
    let mend = match trouble {
        PostgresTrouble::Credentials(_) => {
            "set the user and password in database.url (or in the file of database.url_file) to \
             those of the role: `alter role … password '…'`; pg_hba.conf says who may come from where"
        }
        PostgresTrouble::Database(_) => {
            "`create database … owner …` as a superuser, or correct the name in database.url"
        }
        PostgresTrouble::Unreachable(_) => {
            "start PostgreSQL, or let database.url name the host and port where it listens \
             (`listen_addresses` and `port`) and this host reach them"
        }
        PostgresTrouble::Full(_) => {
            "raise `max_connections` there, or lower database.max_connections on the nodes"
        }
        PostgresTrouble::Other(_) => {
            "see what it says: TLS is `?sslmode=verify-full&sslrootcert=FILE` in database.url"
        }
    };
    let found = format!("{url}: {trouble}; nothing else of it was looked at");
    Finding::fail(CHECK, found, mend)
}
