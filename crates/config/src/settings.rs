//! Loading: file, then environment, then what the values must be to one another.

use std::collections::BTreeMap;
use std::path::Path;

use crate::key::{Key, all_keys};
use crate::reader::{Effective, Reader};
use crate::sections::{
    Admin, Auth, Database, General, Http, Limits, Messages, Presence, Queue, RateLimits, Realtime,
    Recovery, Redis, Shutdown, Telemetry,
};
use crate::source::{ConfigErrors, Remark, Source};
use crate::values::Secret;
use crate::{environment, file, reserved, rules};

/// Every setting of a node, valid as a whole.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys above all sections.
    pub general: General,
    /// The public listener.
    pub http: Http,
    /// The listener for operators.
    pub admin: Admin,
    /// Where messages are stored.
    pub database: Database,
    /// Where nodes meet.
    pub redis: Redis,
    /// Whose tokens are believed.
    pub auth: Auth,
    /// Socket.IO connections.
    pub realtime: Realtime,
    /// Who is there.
    pub presence: Presence,
    /// Clients that come back.
    pub recovery: Recovery,
    /// Events for users who are away.
    pub queue: Queue,
    /// How often a user may call.
    pub rate_limits: RateLimits,
    /// What a message may be.
    pub messages: Messages,
    /// How much one user or one socket may take.
    pub limits: Limits,
    /// What the node says about itself.
    pub telemetry: Telemetry,
    /// How the node goes away.
    pub shutdown: Shutdown,
    pub(crate) effective: BTreeMap<&'static str, Effective>,
}

/// Settings, and what is allowed but worth a word.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// To be logged, or printed by `config check`.
    pub warnings: Vec<Remark>,
    /// What keys of [`RESERVED`](crate::RESERVED) were set to, as text. Nothing reads them but
    /// `switchboard doctor`: they are not validated, and may be secret.
    pub reserved: BTreeMap<String, Secret<String>>,
}

impl Settings {
    /// Reads `file`, if there is one, and lays `environment` over it; variables that do not begin
    /// with `SWITCHBOARD__` are passed over. Every mistake is in the error, not only the first. A key
    /// of [`RESERVED`](crate::RESERVED) that is set is a warning.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigErrors> {
        let mut content = file.map(file::read).unwrap_or_default();
        let mistakes = environment::overlay(&mut content.given, environment);
        content.mistakes.extend(mistakes);
        let mut warnings = reserved::warnings(&content.given);
        let reserved = reserved::texts(&content.given);
        let mut reader = Reader::new(content.given, content.mistakes);
        match Self::read(&mut reader) {
            Some(settings) => {
                let (mistakes, of_rules) = rules::check(&settings, reader.mistakes);
                warnings.extend(of_rules);
                if mistakes.is_empty() {
                    Ok(Loaded {
                        settings,
                        warnings,
                        reserved,
                    })
                } else {
                    Err(ConfigErrors(mistakes))
                }
            }
            None => Err(ConfigErrors(reader.mistakes)),
        }
    }

    /// Reads every section before giving up on one, so that every mistake is noted.
    fn read(reader: &mut Reader) -> Option<Self> {
        let general = General::read(reader);
        let http = Http::read(reader);
        let admin = Admin::read(reader);
        let database = Database::read(reader);
        let redis = Redis::read(reader);
        let auth = Auth::read(reader);
        let realtime = Realtime::read(reader);
        let presence = Presence::read(reader);
        let recovery = Recovery::read(reader);
        let queue = Queue::read(reader);
        let rate_limits = RateLimits::read(reader);
        let messages = Messages::read(reader);
        let limits = Limits::read(reader);
        let telemetry = Telemetry::read(reader);
        let shutdown = Shutdown::read(reader);
        Some(Self {
            general: general?,
            http: http?,
            admin: admin?,
            database: database?,
            redis: redis?,
            auth: auth?,
            realtime: realtime?,
            presence: presence?,
            recovery: recovery?,
            queue: queue?,
            rate_limits: rate_limits?,
            messages: messages?,
            limits: limits?,
            telemetry: telemetry?,
            shutdown: shutdown?,
            effective: std::mem::take(&mut reader.effective),
        })
    }

    /// Where the value of the key `path` came from.
    pub fn source(&self, path: &str) -> Source {
        self.effective
            .get(path)
            .map_or(Source::Default, |value| value.source.clone())
    }

    /// The keys whose values differ in `newer`, so that a reload can say which of them it cannot
    /// take ([`Key::reloadable`]). A secret counts by its content, not by the file that holds it.
    pub fn changed_keys(&self, newer: &Self) -> Vec<&'static Key> {
        let value = |settings: &Self, key: &Key| {
            settings
                .effective
                .get(key.path)
                .map(|effective| effective.value.clone())
        };
        all_keys()
            .filter(|key| value(self, key) != value(newer, key))
            .collect()
    }
}
