//! The host names that the configuration names.

use std::net::IpAddr;

use reqwest::Url;

use super::patient::Patient;

/// A host name, and the key that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) key: &'static str,
    pub(super) name: String,
}

/// All of them; addresses need no look-up.
pub(super) fn hosts(patient: &Patient<'_>) -> Vec<Host> {
    let settings = patient.settings();
    let mut urls = vec![("database.url", settings.database.url.expose())];
    if let Some(url) = &settings.redis.url {
        urls.push(("redis.url", url.expose()));
    }
    if let Some(url) = &settings.auth.jwks_url {
        urls.push(("auth.jwks_url", url.as_str()));
    }
    if let Some(url) = &settings.admin.advertise {
        urls.push(("admin.advertise", url.as_str()));
    }
    for key in [
        "notifications.smtp_url",
        "notifications.webhook_url",
        "telemetry.otlp_endpoint",
    ] {
        urls.extend(patient.reserved(key).map(|url| (key, url)));
    }
    let mut hosts = Vec::new();
    for (key, url) in urls {
        for name in names(url) {
            let host = Host { key, name };
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    hosts
}

/// The names in one URL; those of Sentinel and Cluster have more in `node`.
fn names(url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(url) else {
        return Vec::new();
    };
    if url.scheme() == "sqlite" || url.scheme() == "file" {
        return Vec::new();
    }
    let more = url.query_pairs().filter(|(name, _)| name == "node");
    let more = more.map(|(_, node)| match node.rsplit_once(':') {
        Some((host, _)) => host.to_owned(),
        None => node.into_owned(),
    });
    let all = url.host_str().map(str::to_owned).into_iter().chain(more);
    all.filter(|name| {
        let bare = name.trim_matches(['[', ']']);
        !bare.is_empty() && bare.parse::<IpAddr>().is_err()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_in_every_kind_of_url_and_addresses_are_not_names() {
        for (url, found) in [
            ("postgres://u:p@db:5432/x?sslmode=require", vec!["db"]),
            ("sqlite://./data/x.db", vec![]),
            ("redis://10.0.0.1:6379/0", vec![]),
            ("rediss://[::1]:6379", vec![]),
            (
                "redis-sentinel://:p@s1:26379?node=s2:26379&node=10.0.0.3:26379&sentinelServiceName=main",
                vec!["s1", "s2"],
            ),
            ("https://id.example.com/keys", vec!["id.example.com"]),
            ("nonsense", vec![]),
        ] {
            assert_eq!(names(url), found, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_url_makes_it_panic(url in "\\PC*|redis://\\PC*\\?node=\\PC*") {
            names(&url);
        }
    }
}
