//! What a new user reads first: where the gateway is, and a token to try it with.

use std::time::Duration;

use switchboard_config::{Environment, Settings};
use switchboard_messaging::auth::Signer;
use switchboard_protocol::{OrganizationId, Timestamp, UserId};
use tokio::net::TcpListener;

use crate::exit::Done;
use crate::output;

/// How long the printed token is good.
const TTL: Duration = Duration::from_hours(24);

const TOKEN_HINT: &str =
    "               (user alice, organization acme, good for 24 hours; another:
               switchboard token --sub bob --org acme)";

/// The words that are printed when the node is ready.
#[derive(Debug)]
pub(crate) struct Welcome(String);

impl Welcome {
    pub(crate) fn new(
        settings: &Settings,
        signer: Option<&Signer>,
        now: Timestamp,
        listener: &TcpListener,
    ) -> Self {
        let address = listener.local_addr().unwrap_or(settings.http.listen);
        // Nobody can open 0.0.0.0 in a browser.
        let host = if address.ip().is_unspecified() {
            "localhost".to_owned()
        } else {
            bracketed(address)
        };
        let scheme = match settings.http.tls_cert_file {
            Some(_) => "https",
            None => "http",
        };
        let url = format!("{scheme}://{host}:{}", address.port());
        let mut lines = vec![format!(
            "Switchboard {} is ready on {url}",
            env!("CARGO_PKG_VERSION")
        )];
        if settings.general.environment == Environment::Development {
            lines.push(format!("\n  playground   {url}/"));
            if let Some(token) = signer.and_then(|signer| example_token(signer, now)) {
                lines.push(format!("  token        {token}"));
                lines.push(TOKEN_HINT.to_owned());
            }
            lines.push(format!(
                "\n  const socket = io(\"{url}\", {{ auth: {{ token }} }});\n"
            ));
        }
        Self(lines.join("\n"))
    }

    pub(crate) fn say(&self) -> Done {
        output::line(&self.0)
    }
}

fn bracketed(address: std::net::SocketAddr) -> String {
    match address {
        std::net::SocketAddr::V4(v4) => v4.ip().to_string(),
        std::net::SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

fn example_token(signer: &Signer, now: Timestamp) -> Option<String> {
    let (user, org) = (
        UserId::new("alice").ok()?,
        OrganizationId::new("acme").ok()?,
    );
    signer.sign(&user, &org, &[], (now, TTL)).ok()
}
