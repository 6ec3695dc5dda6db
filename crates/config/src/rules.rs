//! What the values must be to one another.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::sections::{Algorithm, AllowQueryToken, Environment};
use crate::settings::Settings;
use crate::source::Remark;
use crate::values::{DatabaseBackend, Origin, RedisUrl, Secret};

/// The fewest bytes that an HMAC secret should have: the output of SHA-256 (RFC 7518, 3.2).
const SECRET_BYTES: usize = 32;

/// The mistakes so far with those of the rules, and the warnings.
pub(crate) fn check(settings: &Settings, mistakes: Vec<Remark>) -> (Vec<Remark>, Vec<Remark>) {
    let unreadable = mistakes.len();
    let mut rules = Rules {
        settings,
        mistakes,
        unreadable,
        warnings: Vec::new(),
    };
    rules.origins();
    rules.signing_keys();
    rules.key_set();
    rules.algorithms();
    rules.public_key_file();
    let Settings { auth, admin, .. } = settings;
    rules.secret_length("auth.secret", auth.secret.as_ref());
    rules.secret_length("admin.cluster_secret", admin.cluster_secret.as_ref());
    for (_, key) in auth.api_keys.iter() {
        rules.secret_length("auth.api_keys", Some(key));
    }
    rules.listeners();
    rules.certificate();
    rules.shared_database();
    rules.forwarding();
    rules.redis_files();
    rules.redis_sentinels();
    rules.query_token();
    (rules.mistakes, rules.warnings)
}

/// What decides which algorithms can be used.
const KEYS: [&str; 4] = [
    "auth.algorithms",
    "auth.secret",
    "auth.public_key_file",
    "auth.jwks_url",
];

struct Rules<'a> {
    settings: &'a Settings,
    mistakes: Vec<Remark>,
    /// How many of the mistakes were found while reading the values.
    unreadable: usize,
    warnings: Vec<Remark>,
}

impl Rules<'_> {
    fn origins(&mut self) {
        if self.production()
            && self
                .settings
                .http
                .allowed_origins
                .iter()
                .any(Origin::is_any)
        {
            self.refuse(
                &["http.allowed_origins", "environment"],
                "`*` is refused in production; list the origins of your front ends",
            );
        }
    }

    fn signing_keys(&mut self) {
        let auth = &self.settings.auth;
        let nothing = auth.secret.is_none() && !auth.has_public_keys();
        if self.production() && nothing {
            self.refuse(
                &[
                    "auth.secret",
                    "auth.public_key_file",
                    "auth.jwks_url",
                    "environment",
                ],
                "the generated development key is refused in production; set auth.secret, \
                 auth.secret_file, auth.public_key_file or auth.jwks_url",
            );
        }
    }

    /// Whoever can exchange the keys can sign tokens.
    fn key_set(&mut self) {
        let url = self.settings.auth.jwks_url.as_ref();
        if url.is_some_and(|url| !url.is_safe()) {
            if self.production() {
                let reason = "must begin with https:// in production";
                self.refuse(&["auth.jwks_url", "environment"], reason);
            } else {
                let reason = "is not encrypted: whoever can change what it answers can sign tokens; \
                              production refuses it";
                self.warn("auth.jwks_url", reason);
            }
        }
    }

    /// Every algorithm that is named has a key, and every key an algorithm. An empty list stands
    /// for those that fit the keys.
    fn algorithms(&mut self) {
        let auth = &self.settings.auth;
        if auth.algorithms.is_empty() {
            return;
        }
        let symmetric = auth
            .algorithms
            .iter()
            .find(|algorithm| algorithm.is_symmetric());
        let asymmetric: Vec<_> = auth
            .algorithms
            .iter()
            .copied()
            .filter(|a| !a.is_symmetric())
            .collect();
        let (secret, public) = (auth.secret.is_some(), auth.has_public_keys());
        // Without any key, development generates a secret; production has been refused above.
        let generated = !secret && !public;
        if let (Some(algorithm), false) = (symmetric, secret || generated) {
            self.refuse(
                &KEYS,
                &format!("{algorithm} needs auth.secret or auth.secret_file"),
            );
        }
        if let (Some(algorithm), false) = (asymmetric.first(), public) {
            let reason = format!("{algorithm} needs auth.public_key_file or auth.jwks_url");
            self.refuse(&KEYS, &reason);
        }
        if secret && symmetric.is_none() {
            self.refuse(
                &KEYS,
                "auth.secret is set, but no HS… algorithm is accepted",
            );
        }
        if public && asymmetric.is_empty() {
            let key = match auth.public_key_file {
                Some(_) => "auth.public_key_file",
                None => "auth.jwks_url",
            };
            let reason =
                format!("{key} is set, but none of RS256, PS256, ES256, EdDSA is accepted");
            self.refuse(&KEYS, &reason);
        }
        self.one_kind_of_key(&asymmetric);
    }

    /// A file holds one key, which is of one kind.
    fn one_kind_of_key(&mut self, asymmetric: &[Algorithm]) {
        let auth = &self.settings.auth;
        let family = |algorithm: &Algorithm| match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => "RSA",
            other => other.as_str(),
        };
        if let Some(first) = asymmetric.first()
            && auth.jwks_url.is_none()
            && let Some(other) = asymmetric
                .iter()
                .find(|other| family(other) != family(first))
        {
            self.refuse(
                &KEYS,
                &format!("one public key cannot serve both {first} and {other}"),
            );
        }
    }

    fn public_key_file(&mut self) {
        self.readable(
            "auth.public_key_file",
            self.settings.auth.public_key_file.as_ref(),
        );
    }

    fn readable(&mut self, key: &str, path: Option<&PathBuf>) {
        if let Some(path) = path
            && let Err(error) = std::fs::read(path)
        {
            let reason = format!("cannot read `{}`: {error}", path.display());
            self.refuse(&[key], &reason);
        }
    }

    /// What is in the files is looked at by who uses them.
    fn certificate(&mut self) {
        let http = &self.settings.http;
        let (cert, key) = ("http.tls_cert_file", "http.tls_key_file");
        self.readable(cert, http.tls_cert_file.as_ref());
        self.readable(key, http.tls_key_file.as_ref());
        let are_set = (http.tls_cert_file.is_some(), http.tls_key_file.is_some());
        self.together((cert, key), are_set);
    }

    /// A certificate needs its key, and a key its certificate.
    fn together(&mut self, (cert, key): (&str, &str), are_set: (bool, bool)) {
        match are_set {
            (true, false) => self.refuse(&[cert, key], &format!("needs {key}")),
            (false, true) => self.refuse(&[key, cert], &format!("needs {cert}")),
            _ => {}
        }
    }

    /// What is in the files is looked at by who uses them.
    fn redis_files(&mut self) {
        let redis = &self.settings.redis;
        let (cert, key) = (&redis.tls_cert_file, &redis.tls_key_file);
        let files = [
            ("redis.tls_ca_file", &redis.tls_ca_file),
            ("redis.tls_cert_file", cert),
            ("redis.tls_key_file", key),
        ];
        let tls = redis.url.as_ref().is_some_and(RedisUrl::is_tls);
        for (name, path) in files {
            self.readable(name, path.as_ref());
            if path.is_some() && !tls {
                let reason = "has no use without a redis.url that begins with `rediss`";
                self.refuse(&[name, "redis.url"], reason);
            }
        }
        let names = ("redis.tls_cert_file", "redis.tls_key_file");
        self.together(names, (cert.is_some(), key.is_some()));
    }

    fn redis_sentinels(&mut self) {
        let redis = &self.settings.redis;
        let sentinels = redis.url.as_ref().is_some_and(RedisUrl::is_sentinel);
        let credentials = [
            ("redis.sentinel_username", redis.sentinel_username.is_some()),
            ("redis.sentinel_password", redis.sentinel_password.is_some()),
        ];
        for (name, is_set) in credentials {
            if is_set && !sentinels {
                let reason = "has no use without a redis.url of sentinels";
                self.refuse(&[name, "redis.url"], reason);
            }
        }
    }

    fn secret_length(&mut self, key: &str, secret: Option<&Secret<String>>) {
        let Some(secret) = secret else {
            return;
        };
        let bytes = secret.expose().len();
        if bytes < SECRET_BYTES {
            let reason = format!("has {bytes} bytes, fewer than {SECRET_BYTES}");
            if self.production() {
                self.refuse(&[key, "environment"], &reason);
            } else {
                self.warn(key, &format!("{reason}; production refuses it"));
            }
        }
    }

    fn listeners(&mut self) {
        let (http, admin) = (self.settings.http.listen, self.settings.admin.listen);
        if collide(http, admin) {
            let reason = format!("{admin} collides with http.listen = {http}");
            self.refuse(&["admin.listen", "http.listen"], &reason);
        } else if !admin.ip().is_loopback() {
            self.warn(
                "admin.listen",
                "other machines may reach it and it asks for no credentials; keep it inside",
            );
        }
    }

    fn shared_database(&mut self) {
        let sqlite = self.settings.database.url.backend() == DatabaseBackend::Sqlite;
        if sqlite && self.settings.redis.url.is_some() {
            self.warn(
                "database.url",
                "SQLite cannot be shared by the nodes that redis.url connects; use PostgreSQL",
            );
        }
    }

    /// What keeps nodes from forwarding requests to each other.
    fn forwarding(&mut self) {
        let Settings { auth, admin, .. } = self.settings;
        if self.settings.redis.url.is_none() {
            return;
        }
        let listen = admin.listen.ip();
        if admin.cluster_secret.is_none() && auth.secret.is_none() {
            self.warn(
                "admin.cluster_secret",
                "is not set, and neither is auth.secret: long-polling requests that reach the wrong \
                 node are not forwarded",
            );
        } else if admin.advertise.is_none() && listen.is_unspecified() {
            self.warn(
                "admin.advertise",
                "is not set, and admin.listen does not say how others reach this node: long-polling \
                 requests that reach the wrong node are not forwarded; set it to something like \
                 http://10.0.0.7:9090",
            );
        } else if admin.advertise.is_none() && listen.is_loopback() && self.production() {
            self.warn(
                "admin.advertise",
                "is not set, and admin.listen is reached from this machine only: nodes on others \
                 cannot forward to this one",
            );
        }
    }

    fn query_token(&mut self) {
        let always = self.settings.auth.allow_query_token == AllowQueryToken::Always;
        if always && self.production() {
            self.warn(
                "auth.allow_query_token",
                "proxies may log tokens that are part of a URL",
            );
        }
    }

    fn production(&self) -> bool {
        self.settings.general.environment == Environment::Production
    }

    /// Notes a mistake about the first of `keys`, unless one of them could not be read and what we
    /// see here is the default that stands in for it.
    fn refuse(&mut self, keys: &[&str], reason: &str) {
        let wrong = |key: &&str| {
            self.mistakes[..self.unreadable].iter().any(|mistake| {
                mistake.key == *key || mistake.key.strip_suffix("_file") == Some(*key)
            })
        };
        if !keys.iter().any(wrong) {
            self.mistakes
                .push(self.remark(keys.first().copied().unwrap_or_default(), reason));
        }
    }

    fn warn(&mut self, key: &str, reason: &str) {
        self.warnings.push(self.remark(key, reason));
    }

    fn remark(&self, key: &str, reason: &str) -> Remark {
        Remark {
            source: self.settings.source(key),
            key: key.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether both cannot be listened on: the same port, and one address covers the other.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let covers = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && covers
}
