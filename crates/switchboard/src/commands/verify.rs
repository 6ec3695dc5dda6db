//! `switchboard verify`: runs many clients against a cluster, and reports what it did to them.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use switchboard_config::Settings;
use switchboard_messaging::{Clock, SystemClock};
use switchboard_protocol::{OrganizationId, UserId};
use switchboard_verify::{Options, Parts, Progress, Report, Signer, Timing};
use tokio_util::sync::CancellationToken;

use super::load;
use crate::cli::Verify;
use crate::exit::{Done, Failure};
use crate::serve::signals::Signals;
use crate::{keys, output};

/// Letters of a run's name.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

pub(crate) fn run(command: &Verify) -> Done {
    let options = options(command);
    options.check().map_err(Failure::Usage)?;
    if options.exceeds_default_rates() {
        output::problem(
            "warning: this is more than 100 sends a minute and client, which servers refuse by default",
        );
    }
    let settings = load(command.file.config.as_deref())?.settings;
    let signer = signer(command, &settings, lifetime(&options))?;
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let shows = !command.quiet && io::stderr().is_terminal();
    let report = runtime.block_on(watched(options, signer, shows));
    if shows {
        output::progress("");
    }
    let report = report?;
    write(&report, command.json.as_deref())?;
    if report.kept {
        Ok(())
    } else {
        Err(anyhow!("the cluster did not keep its promises").into())
    }
}

fn options(command: &Verify) -> Options {
    let name = (0..8).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]));
    Options {
        urls: command.urls.clone(),
        run: name.collect(),
        seed: command.seed.unwrap_or_else(rand::random),
        clients: command.clients,
        conversations: command.conversations,
        members: command.members.clone(),
        organizations: command.organizations,
        rate: command.rate,
        duration: command.duration,
        grace: command.grace,
        timing: Timing {
            reconnect_delay: Duration::from_millis(command.reconnect_delay),
            reconnect_delay_max: Duration::from_millis(command.reconnect_delay_max),
            connect_timeout: Duration::from_millis(command.connect_timeout),
            ack_timeout: Duration::from_millis(command.ack_timeout),
            ..Timing::default()
        },
    }
}

/// A token outlives the run, so that none runs out in it.
fn lifetime(options: &Options) -> Duration {
    options.duration + options.grace * 4 + Duration::from_hours(1)
}

/// Signs as `switchboard token` does.
fn signer(command: &Verify, settings: &Settings, ttl: Duration) -> Result<Signer, Failure> {
    let given = match (&command.secret, &command.secret_file) {
        (Some(secret), _) => Some(secret.clone()),
        (None, Some(path)) => {
            let secret = fs::read_to_string(path);
            let secret = secret.map_err(|error| {
                Failure::Usage(format!("cannot read {}: {error}", path.display()))
            })?;
            Some(secret.trim_end_matches(['\n', '\r']).to_owned())
        }
        (None, None) => None,
    };
    let key = match given {
        Some(secret) => Some(secret.into_bytes()),
        None => keys::signing_key(settings)?,
    };
    let signer = keys::signer(settings, key.as_ref()).ok_or_else(|| {
        Failure::Usage("there is no secret to sign tokens with: --secret-file".to_owned())
    })?;
    Ok(Arc::new(move |organization, user| {
        let ids = (UserId::new(user), OrganizationId::new(organization));
        let (Ok(user), Ok(organization)) = ids else {
            return String::new(); // never: the run's names are of the form
        };
        let validity = (SystemClock.now(), ttl);
        signer
            .sign(&user, &organization, &[], validity)
            .unwrap_or_default()
    }))
}

/// The first signal ends the sending, the second one the run.
async fn watched(options: Options, signer: Signer, shows: bool) -> Result<Report, Failure> {
    let mut signals = Signals::listen()?;
    let enough = CancellationToken::new();
    let parts = Parts {
        signer,
        enough: enough.clone(),
        progress: Box::new(move |progress: &Progress| {
            if shows {
                output::progress(&progress.to_string());
            }
        }),
    };
    let interrupted_twice = async {
        signals.end().await;
        enough.cancel();
        signals.end().await;
    };
    tokio::select! {
        report = switchboard_verify::run(options, parts) => Ok(report?),
        () = interrupted_twice => Err(anyhow!("interrupted: nothing was checked").into()),
    }
}

fn write(report: &Report, json: Option<&Path>) -> Done {
    let Some(path) = json else {
        return output::exact(&report.to_string());
    };
    let mut text = serde_json::to_string_pretty(report).context("no JSON")?;
    text.push('\n');
    if path == Path::new("-") {
        return output::exact(&text);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    output::exact(&report.to_string())
}

impl From<switchboard_verify::Failure> for Failure {
    fn from(failure: switchboard_verify::Failure) -> Self {
        use switchboard_verify::Failure as Verify;
        match failure {
            Verify::Unreachable(text) => Self::Unreachable(text),
            Verify::Refused(text) => Self::Usage(text),
            Verify::SetUp(_) => Self::Other(failure.into()),
        }
    }
}
