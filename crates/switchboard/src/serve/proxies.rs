//! Who a client is, behind proxies: what a trusted one says is believed, and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use switchboard_config::{Network, Settings};
use switchboard_gateway::SocketService;
use switchboard_socketio::RemoteAddr;
use switchboard_socketio::listen::Peer;
use tower::Service;

/// What proxies add to: the address that each of them was connected to from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are trusted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Proxies(Arc<[Network]>);

impl Proxies {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(settings.http.trusted_proxies.as_slice().into())
    }

    /// The gateway, which is told the client's address in place of the proxy's.
    pub(crate) fn around<S: SocketService>(&self, inner: S) -> impl SocketService + use<S> {
        Behind {
            inner,
            proxies: self.clone(),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address that the nearest proxy which is not trusted, or the client itself, connected
    /// from. Each proxy adds at the end, so what a client made up is never reached.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        let mut client = peer;
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            // What cannot be read hides who came before.
            let Some(address) = address(hop) else { break };
            client = address;
        }
        client
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let plain = hop.parse().ok();
    plain.or_else(|| hop.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// A service that is told who a client is.
#[derive(Clone, Debug)]
struct Behind<S> {
    inner: S,
    proxies: Proxies,
}

impl<S: Service<Request>> Service<Request> for Behind<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        if let Some(peer) = peer.map(|info| info.0.addr()) {
            let client = self.proxies.client(peer.ip(), request.headers());
            if client != peer.ip() {
                let known = RemoteAddr(SocketAddr::new(client, 0));
                request.extensions_mut().insert(known);
            }
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn proxies(networks: &str) -> Proxies {
        let key = "SWITCHBOARD__HTTP__TRUSTED_PROXIES".to_owned();
        let loaded = Settings::load(None, [(key, networks.to_owned())]).unwrap();
        Proxies::new(&loaded.settings)
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        let proxies = proxies("10.0.0.0/8,fd00::/8");
        let peer = peer.parse().unwrap();
        proxies.client(peer, &headers(lines)).to_string()
    }

    #[rstest]
    #[case::no_proxy("192.0.2.1", &[], "192.0.2.1")]
    #[case::of_a_stranger("192.0.2.1", &["203.0.113.9"], "192.0.2.1")]
    #[case::one_proxy("10.0.0.1", &["203.0.113.9"], "203.0.113.9")]
    #[case::a_proxy_that_says_nothing("10.0.0.1", &[], "10.0.0.1")]
    #[case::two_proxies("10.0.0.1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9")]
    #[case::two_lines("10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9")]
    #[case::made_up("10.0.0.1", &["10.9.9.9, 203.0.113.9"], "203.0.113.9")]
    #[case::only_proxies("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3")]
    #[case::with_a_port("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9")]
    #[case::ipv6("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1")]
    #[case::unreadable("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1")]
    fn the_client_is_the_last_address_that_is_no_proxy(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] expected: &str,
    ) {
        assert_eq!(client(peer, lines), expected);
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_of_itself_changes_nothing(said in "[ -~]{0,60}") {
            let line = format!("{said}, 203.0.113.9, 10.0.0.2");
            prop_assert_eq!(client("10.0.0.1", &[&line]), "203.0.113.9");
            prop_assert_eq!(client("10.0.0.1", &[&said, "203.0.113.9"]), "203.0.113.9");
            prop_assert_eq!(client("192.0.2.1", &[&said]), "192.0.2.1");
        }
    }
}
