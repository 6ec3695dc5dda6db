//! PostgreSQL: a private server, and fresh databases on it.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::process::{Account, Launch, Server, become_account, find_program};

/// The variable that says where the tests' server is: `postgres://postgres@127.0.0.1:PORT/postgres`.
pub const ENV: &str = "SWITCHBOARD_TEST_POSTGRES";

const READY_WITHIN: Duration = Duration::from_mins(1);

/// An empty database of one test. It goes when its server does.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    /// `postgres://…/NAME`
    pub url: String,
}

/// Creates an empty database on the server in [`ENV`].
///
/// # Panics
/// Without a server.
pub async fn fresh_database() -> TestDatabase {
    create_database(&crate::server_url(ENV))
        .await
        .unwrap_or_else(|error| panic!("could not create a test database: {error:#}"))
}

/// Creates a copy of the database called `original`, which `make` has made of an empty one. That is done
/// once for all tests on the server in [`ENV`]: to copy is less work than to migrate. On a server that
/// outlives the run it may be of an earlier `make`; it is for the caller to see that it fits.
///
/// # Panics
/// Without a server.
pub async fn copied_database(original: &str, make: impl AsyncFnOnce(&str)) -> TestDatabase {
    let server = crate::server_url(ENV);
    let copied = async {
        make_original(&server, original, make).await?;
        create_database_from(&server, original).await
    };
    let copied: Result<TestDatabase> = copied.await;
    copied.unwrap_or_else(|error| panic!("could not copy a test database: {error:#}"))
}

/// Makes it unless somebody has. It gets its name when it is complete.
async fn make_original(server: &str, name: &str, make: impl AsyncFnOnce(&str)) -> Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    if !is_there(&mut connection, name).await? {
        // Goes with the connection.
        let lock = sqlx::query("SELECT pg_advisory_lock(hashtext($1))").bind(name);
        lock.execute(&mut connection).await?;
        if !is_there(&mut connection, name).await? {
            let begun = create_database(server).await?;
            make(&begun.url).await;
            let (_, now) = address_and_name(&begun.url)?;
            let rename = format!("ALTER DATABASE {now} RENAME TO {name}");
            connection.execute(AssertSqlSafe(rename)).await?;
        }
    }
    Ok(connection.close().await?)
}

async fn is_there(connection: &mut PgConnection, database: &str) -> Result<bool> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)");
    Ok(found.bind(database).fetch_one(connection).await?)
}

async fn create_database(server: &str) -> Result<TestDatabase> {
    create_database_from(server, "template1").await
}

async fn create_database_from(server: &str, original: &str) -> Result<TestDatabase> {
    let (address, _) = address_and_name(server)?;
    let name = crate::unique_name();
    let mut connection = PgConnection::connect(server).await?;
    let create = format!("CREATE DATABASE {name} TEMPLATE {original}");
    connection.execute(AssertSqlSafe(create)).await?;
    connection.close().await?;
    Ok(TestDatabase {
        url: format!("{address}/{name}"),
    })
}

fn address_and_name(url: &str) -> Result<(&str, &str)> {
    url.rsplit_once('/').context("the URL names no database")
}

/// A PostgreSQL server of one test run, in a temporary folder, stopped when this is dropped.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl PrivatePostgres {
    /// Makes a cluster and starts its server, on a Unix socket and on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the message has the server's own words.
    pub async fn start() -> Result<Self> {
        let programs = Programs::find()?;
        let account = account_to_run_as()?;
        let folder = make_folder(account)?;
        make_cluster(&programs, account, folder.path())?;
        for _ in 0..5 {
            let port = crate::port::free()?;
            let mut server = start_server(&programs, account, folder.path(), port)?;
            if wait_until_ready(&mut server, folder.path()).await? {
                return Ok(Self {
                    server,
                    port,
                    folder,
                });
            }
            let output = server.output();
            ensure!(
                output.contains("Address already in use"),
                "postgres ended: {output}"
            );
        }
        bail!("every port chosen for postgres was taken by somebody else")
    }

    /// Its address, over TCP: `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder that has its Unix socket, its data and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An empty database on it.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn fresh_database(&self) -> TestDatabase {
        create_database(&self.url())
            .await
            .unwrap_or_else(|error| panic!("could not create a test database: {error:#}"))
    }

    /// Ends it at once, as a crash would: connections break and new ones are refused until
    /// [`restart`](Self::restart). What was committed is on the disk.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        self.server
            .stop("QUIT") // its "immediate shutdown", which takes its children along
            .unwrap_or_else(|error| panic!("could not kill postgres: {error:#}"));
    }

    /// Starts it again on the same data and port.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill();
        let folder = self.folder.path();
        let again = async {
            self.server =
                start_server(&Programs::find()?, account_to_run_as()?, folder, self.port)?;
            let ready = wait_until_ready(&mut self.server, folder).await?;
            ensure!(ready, "{}", self.server.output());
            Ok(())
        };
        let done: Result<()> = again.await;
        done.unwrap_or_else(|error| panic!("postgres did not come back: {error:#}"));
    }

    /// Freezes it, with the processes that serve its connections: they stay open and nothing is
    /// answered, as with a hung machine.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self) {
        self.signal_all("STOP");
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self) {
        self.signal_all("CONT");
    }

    fn signal_all(&self, name: &str) {
        let parent = self.server.pid();
        crate::process::signal(parent, name)
            .unwrap_or_else(|error| panic!("postgres is not running: {error:#}"));
        for child in crate::process::children(parent) {
            // One that has just ended needs no signal.
            let _ = crate::process::signal(child, name);
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if matches!(self.server.ended(), Ok(None)) {
            self.resume();
        }
        // SIGQUIT is its "immediate shutdown". Any other would first write to the disk, for a minute after a whole
        // run, what the hundreds of databases have changed, and then all of it is removed.
        if let Err(error) = self.server.stop("QUIT") {
            eprintln!("testkit: could not stop postgres: {error:#}");
        }
    }
}

#[derive(Debug)]
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

impl Programs {
    /// Debian keeps a server's programs out of PATH, one folder for each version.
    fn find() -> Result<Self> {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        let folders: Vec<PathBuf> = versions.into_iter().map(|(_, folder)| folder).collect();
        let find = |name: &str| {
            find_program(name, &folders)
                .with_context(|| format!("{name} is not installed; run scripts/setup.sh test"))
        };
        Ok(Self {
            initdb: find("initdb")?,
            postgres: find("postgres")?,
        })
    }
}

/// PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody` without one.
fn account_to_run_as() -> Result<Option<Account>> {
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    let user = if id(&["-u", "postgres"]).is_ok() {
        "postgres"
    } else {
        "nobody"
    };
    Ok(Some(Account {
        uid: id(&["-u", user])?,
        gid: id(&["-g", user])?,
    }))
}

fn id(args: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(args).output()?;
    ensure!(output.status.success(), "`id {}` failed", args.join(" "));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn make_folder(account: Option<Account>) -> Result<TempDir> {
    let usual = std::env::temp_dir();
    // A Unix socket's path has 107 bytes, and another account may not be let into root's TMPDIR.
    let suits = account.is_none() && usual.as_os_str().len() < 60;
    let parent = if suits { usual } else { PathBuf::from("/tmp") };
    let folder = tempfile::Builder::new()
        .prefix("switchboard-postgres-")
        .tempdir_in(parent)?;
    if let Some(account) = account {
        chown(folder.path(), Some(account.uid), Some(account.gid))?;
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

fn make_cluster(programs: &Programs, account: Option<Account>, folder: &Path) -> Result<()> {
    let mut command = Command::new("setpriv");
    if let Some(account) = account {
        become_account(&mut command, account);
    }
    let output = command
        .args(["--pdeathsig", "KILL"])
        .arg(&programs.initdb)
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ])
        .arg("--no-sync") // of the empty cluster only; the server syncs what it commits
        .arg("--pgdata")
        .arg(folder.join("data"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn start_server(
    programs: &Programs,
    account: Option<Account>,
    folder: &Path,
    port: u16,
) -> Result<Server> {
    let data = folder.join("data");
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=300".to_owned(), // many tests at once, each with its pools
        "fsync=on".to_owned(),            // what is acked is promised to be on disk
        "timezone=UTC".to_owned(),
    ];
    let mut args = vec!["-D".to_owned(), data.display().to_string()];
    args.extend(
        settings
            .into_iter()
            .flat_map(|setting| ["-c".to_owned(), setting]),
    );
    Server::start(&Launch {
        program: programs.postgres.clone(),
        args,
        env: Vec::new(),
        account,
        death_signal: "QUIT", // its "immediate shutdown", which takes its children along
        folder: folder.to_owned(),
    })
}

/// True when it takes connections, false when it ended instead. The word is in the file that the
/// server itself keeps, so it cannot be somebody else's server that answers.
async fn wait_until_ready(server: &mut Server, folder: &Path) -> Result<bool> {
    let patience = Instant::now() + READY_WITHIN;
    let status = folder.join("data/postmaster.pid");
    while server.ended()?.is_none() {
        let lines = std::fs::read_to_string(&status).unwrap_or_default();
        if lines
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
        {
            return Ok(true);
        }
        ensure!(
            Instant::now() < patience,
            "postgres does not start: {}",
            server.output()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fresh_database_is_empty_and_belongs_to_one_test() {
        let (one, other) = (fresh_database().await, fresh_database().await);
        assert_ne!(one.url, other.url);

        let mut connection = PgConnection::connect(&one.url).await.unwrap();
        connection
            .execute("CREATE TABLE mine (id int)")
            .await
            .unwrap();

        let mut connection = PgConnection::connect(&other.url).await.unwrap();
        assert!(connection.execute("SELECT * FROM mine").await.is_err());
    }

    #[tokio::test]
    async fn a_copy_is_as_the_original_was_made_and_belongs_to_one_test() {
        let original = crate::unique_name();
        let make = async |url: &str| {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let table = "CREATE TABLE made (id int)";
            connection.execute(table).await.unwrap();
        };
        // Whoever comes second waits, and makes no other.
        let copies = (0..8).map(|_| copied_database(&original, make));
        let copies = futures_util::future::join_all(copies).await;
        for copy in copies {
            let mut connection = PgConnection::connect(&copy.url).await.unwrap();
            let insert = connection.execute("INSERT INTO made VALUES (1)").await;
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM made")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!((insert.unwrap().rows_affected(), count), (1, 1));
        }
    }

    #[tokio::test]
    async fn a_paused_server_answers_nothing_until_it_is_resumed_and_a_killed_one_comes_back() {
        let mut server = PrivatePostgres::start().await.unwrap();
        let mut connection = PgConnection::connect(&server.url()).await.unwrap();
        server.pause();
        let silence = tokio::time::timeout(Duration::from_millis(300), connection.ping()).await;
        assert!(silence.is_err());
        server.resume();
        let mut connection = PgConnection::connect(&server.url()).await.unwrap();
        connection.ping().await.unwrap();
        server.kill();
        assert!(connection.ping().await.is_err());
        server.restart().await;
        PgConnection::connect(&server.url()).await.unwrap();
    }

    #[tokio::test]
    async fn the_server_keeps_its_promises_about_the_disk() {
        let mut connection = PgConnection::connect(&fresh_database().await.url)
            .await
            .unwrap();
        let fsync: String = sqlx::query_scalar("SHOW fsync")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(fsync, "on");
    }
}
