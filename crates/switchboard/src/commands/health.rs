//! `switchboard health`: asks a running node how it is. Containers have no other program for that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::load;
use crate::cli::Health;
use crate::exit::Done;
use crate::output;

pub(crate) fn run(options: &Health) -> Done {
    let base = match &options.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        // Whoever watches knows 0 and 1, and nothing of 78.
        None => match load(options.file.config.as_deref()) {
            Ok(loaded) => admin_url(loaded.settings.admin.listen),
            Err(errors) => return Err(anyhow!("not known where the node is: {errors}").into()),
        },
    };
    let path = if options.live { "/livez" } else { "/readyz" };
    let url = format!("{base}{path}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let answer = runtime.block_on(ask(&url, options.timeout));
    match answer {
        Ok((200, body)) => output::line(&well(options.live, &body)),
        Ok((status, body)) => Err(anyhow!("{url} {}", unwell(status, &body)).into()),
        Err(why) => Err(anyhow!("{url} does not answer: {why}").into()),
    }
}

/// Status and body of a page of an admin listener.
pub(crate) async fn ask(url: &str, within: Duration) -> Result<(u16, String), String> {
    let asking = async {
        let builder = reqwest::Client::builder()
            .timeout(within)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        // A node speaks plain HTTP, and a machine without any authorities is none the worse for that.
        let builder = if url.starts_with("https://") {
            builder
        } else {
            builder.tls_certs_only([])
        };
        let answer = builder.build()?.get(url).send().await?;
        let status = answer.status().as_u16();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    let asked = asking.await;
    asked.map_err(|error| innermost(&error))
}

/// The cause that says most.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Where the admin listener is reached from this machine.
pub(crate) fn admin_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

fn well(live: bool, body: &str) -> String {
    if live {
        return "alive".to_owned();
    }
    let report: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| report[name].as_str().unwrap_or("?").to_owned();
    let mut told = format!("ready: node {}, version {}", text("node"), text("version"));
    let away = report["dependencies"].as_array().into_iter().flatten();
    let away: Vec<&str> = away
        .filter(|one| one["ok"] != true)
        .filter_map(|one| one["kind"].as_str())
        .collect();
    if report["degraded"] == true {
        told.push_str(", degraded: it goes on without ");
        told.push_str(&if away.is_empty() {
            "something that was away a moment ago".to_owned()
        } else {
            away.join(" and ")
        });
    }
    told
}

fn unwell(status: u16, body: &str) -> String {
    let report: Value = serde_json::from_str(body).unwrap_or_default();
    match report["status"].as_str() {
        Some(phase) => format!("says that it is {phase}"),
        None => format!("answered with status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_this_machine() {
        for (listen, url) in [
            ("0.0.0.0:9090", "http://127.0.0.1:9090"),
            ("[::]:9090", "http://[::1]:9090"),
            ("10.0.0.7:9091", "http://10.0.0.7:9091"),
        ] {
            assert_eq!(admin_url(listen.parse().unwrap()), url);
        }
    }

    #[test]
    fn what_a_node_says_becomes_one_line() {
        let body = r#"{"status":"ready","degraded":true,"node":"n","version":"1","dependencies":
                      [{"kind":"postgres","ok":true},{"kind":"redis","ok":false}]}"#;
        let line = "ready: node n, version 1, degraded: it goes on without redis";
        assert_eq!(well(false, body), line);
        assert_eq!(well(true, "ok\n"), "alive");
        let draining = r#"{"status":"draining"}"#;
        assert_eq!(unwell(503, draining), "says that it is draining");
        assert_eq!(unwell(404, "<html>"), "answered with status 404");
    }
}
