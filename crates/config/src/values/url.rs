//! Addresses of servers. They may hold a password, so they are shown without it.

use std::fmt;

use super::Value;
use super::secret::REDACTED;
use crate::key::Secrecy;

/// A URL with one of a few schemes; debugging or displaying it hides the password.
macro_rules! server_url {
    ($(#[doc = $doc:literal])+ pub struct $name:ident = [$($scheme:literal),+ $(,)?]) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The whole URL, password included. Whoever calls this keeps it out of logs.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// The part before `://`.
            pub fn scheme(&self) -> &str {
                self.0.split_once("://").map_or("", |(scheme, _)| scheme)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&without_password(&self.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&without_password(&self.0))
            }
        }

        impl Value for $name {
            const KIND: &'static str = "URL";
            const SECRECY: Secrecy = Secrecy::Url;

            fn from_text(text: &str) -> Result<Self, String> {
                check(text.trim(), &[$($scheme),+]).map(|()| Self(text.trim().to_owned()))
            }

            fn to_toml(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.0.clone()))
            }

            fn shown(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.to_string()))
            }
        }
    };
}

server_url! {
    /// Where messages are stored: `sqlite://<path>`, `postgres://…` or `postgresql://…`.
    pub struct DatabaseUrl = ["sqlite", "postgres", "postgresql"]
}

server_url! {
    /// Where nodes meet, in fred's grammar: `redis://`, `redis-sentinel://` or `redis-cluster://`, and
    /// the same with `rediss` for TLS.
    pub struct RedisUrl = [
        "redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"
    ]
}

impl RedisUrl {
    /// Whether it is reached by TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme().starts_with("rediss")
    }

    /// Whether sentinels are asked for it.
    pub fn is_sentinel(&self) -> bool {
        self.scheme().ends_with("-sentinel")
    }
}

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseBackend {
    /// One file, one node.
    Sqlite,
    /// A server that all nodes share.
    Postgres,
}

impl DatabaseUrl {
    /// Which kind of database the scheme names.
    pub fn backend(&self) -> DatabaseBackend {
        if self.scheme() == "sqlite" {
            DatabaseBackend::Sqlite
        } else {
            DatabaseBackend::Postgres
        }
    }
}

/// The reason never repeats more than the scheme: the rest may hold a password.
fn check(text: &str, schemes: &[&str]) -> Result<(), String> {
    let wanted = || format!("must begin with {}", schemes.join("://, ") + "://");
    let (scheme, rest) = text.split_once("://").ok_or_else(wanted)?;
    if !schemes.contains(&scheme) {
        return Err(wanted());
    }
    if rest.is_empty() || rest.starts_with('?') {
        return Err(format!("names nothing after {scheme}://"));
    }
    if rest.contains(char::is_whitespace) {
        return Err("must not contain white space (write %20)".to_owned());
    }
    Ok(())
}

/// The URL with the password of its user part and of its query replaced. Errs on the side of hiding:
/// an unescaped `/`, `?` or `@` within a password does not end it.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return REDACTED.to_owned();
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => {
            let name = user
                .split_once(':')
                .map(|(name, _)| format!("{name}:{REDACTED}"));
            (name.unwrap_or_else(|| user.to_owned()) + "@", rest)
        }
        None => (String::new(), rest),
    };
    let Some((address, query)) = rest.split_once('?') else {
        return format!("{scheme}://{user}{rest}");
    };
    let hidden = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => format!("{name}={REDACTED}"),
        _ => pair.to_owned(),
    });
    format!(
        "{scheme}://{user}{address}?{}",
        hidden.collect::<Vec<_>>().join("&")
    )
}

fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "passwd", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres://sb:hunter2@db:5432/sb", "postgres://sb:***@db:5432/sb")]
    #[case("postgres://sb@db/sb", "postgres://sb@db/sb")]
    #[case(
        "postgres://db/sb?user=x&password=hunter2",
        "postgres://db/sb?user=x&password=***"
    )]
    #[case("sqlite://./data/switchboard.db", "sqlite://./data/switchboard.db")]
    fn a_database_url_is_shown_without_its_password(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(DatabaseUrl::from_text(url).unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("redis://h:6379/0", "redis://h:6379/0")]
    #[case("rediss://:hunter2@h:6379/0", "rediss://:***@h:6379/0")]
    #[case(
        "redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main&sentinelPassword=x1y2",
        "redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main&sentinelPassword=***"
    )]
    #[case(
        "redis-cluster://h1:7000?node=h2:7001",
        "redis-cluster://h1:7000?node=h2:7001"
    )]
    #[case("rediss-cluster://u:hunter2@h1:7000", "rediss-cluster://u:***@h1:7000")]
    #[case(
        "rediss-sentinel://h1?sentinelPassword=x1y2",
        "rediss-sentinel://h1?sentinelPassword=***"
    )]
    fn a_redis_url_is_shown_without_its_password(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(RedisUrl::from_text(url).unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("mysql://sb:hunter2@db/sb")]
    #[case("hunter2")]
    #[case("sqlite://")]
    #[case("postgres://?password=hunter2")]
    #[case("postgres://sb:hunter2 @db/sb")]
    fn any_other_database_is_refused_without_repeating_it(#[case] url: &str) {
        let reason = DatabaseUrl::from_text(url).unwrap_err();
        assert!(!reason.contains("hunter2"), "{reason}");
    }

    #[test]
    fn the_scheme_names_the_backend() {
        let backend = |url| DatabaseUrl::from_text(url).unwrap().backend();
        assert_eq!(backend("sqlite://x.db"), DatabaseBackend::Sqlite);
        assert_eq!(backend("postgres://h/x"), DatabaseBackend::Postgres);
        assert_eq!(backend("postgresql://h/x"), DatabaseBackend::Postgres);
    }

    proptest! {
        #[test]
        fn no_password_is_ever_shown(password in "[a-zA-Z0-9/?@:#&=%]{0,8}[A-Z]{6}[a-zA-Z0-9/?@:]{0,8}") {
            let url = DatabaseUrl::from_text(&format!("postgres://sb:{password}@db/sb")).unwrap();
            prop_assert!(!url.to_string().contains(&password), "{}", url);
            let debugged = format!("{url:?}");
            prop_assert!(!debugged.contains(&password));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|(redis|sqlite)://\\PC*") {
            let _ = RedisUrl::from_text(&text).map(|url| url.to_string());
            let _ = DatabaseUrl::from_text(&text).map(|url| url.to_string());
        }
    }
}
