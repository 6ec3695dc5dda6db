//! From an address as people write it to a TCP connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::Reason;
use crate::scenario::Transport;

/// Ports that one local address has for one server address (`net.ipv4.ip_local_port_range`: 28,232).
pub(crate) const PORTS: u32 = 28_000;

/// What a receiver that will stop reading lets lie in the kernel, in bytes; Linux doubles it.
const SMALL_BUFFER: u32 = 8 * 1024;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_secure: bool,
    /// Host and port.
    pub(crate) authority: String,
    /// Up to the query: `/socket.io/`.
    pub(crate) path: String,
}

impl Target {
    /// `http://h:1/app` is `/app/socket.io/` of `h:1`.
    pub(crate) fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_secure = matches!(scheme, "https" | "wss");
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = if is_secure { 443 } else { 80 };
        let path = path.trim_end_matches('/');
        Self {
            is_secure,
            authority: if has_port {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            },
            path: if path.is_empty() {
                "/socket.io/".to_owned()
            } else {
                format!("/{path}/socket.io/")
            },
        }
    }

    /// Whether it is on this machine, and so any address of 127/8 can be connected from.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or("", |(host, _)| host);
        host == "localhost" || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
    }
}

/// How one connection is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    pub(crate) target: &'a Target,
    pub(crate) transport: Transport,
    /// The local address, if it is not left to the kernel.
    pub(crate) source: Option<IpAddr>,
    /// Whether little may lie in the kernel, so that the server notices who does not read.
    pub(crate) is_slow: bool,
    /// Whether it ends by a reset: nothing is said, and its port is free at once.
    pub(crate) is_abrupt: bool,
}

impl Way<'_> {
    pub(super) async fn connect(self) -> Result<TcpStream, Reason> {
        self.tcp().await.map_err(|error| error.kind().to_string())
    }

    async fn tcp(self) -> io::Result<TcpStream> {
        let mut found = lookup_host(self.target.authority.as_str()).await?;
        let fits = |to: &SocketAddr| {
            self.source
                .is_none_or(|from| from.is_ipv4() == to.is_ipv4())
        };
        let to = found.find(fits).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = self.source {
            socket.bind((source, 0).into())?;
        }
        if self.is_slow {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        if self.is_abrupt {
            socket.set_zero_linger()?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The local addresses that so many connections to so many targets need, beginning with 127.0.0.1; none
/// if the kernel may choose.
pub(crate) fn loopback_sources(connections: u64, targets: usize) -> Vec<IpAddr> {
    let needed = connections.div_ceil(u64::from(PORTS) * targets.max(1) as u64);
    if needed <= 1 {
        return Vec::new();
    }
    let first = u32::from(Ipv4Addr::LOCALHOST);
    (0..needed as u32)
        .map(|at| IpAddr::V4(Ipv4Addr::from(first + at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_from_its_address() {
        for (url, is_secure, authority, path) in [
            ("http://127.0.0.1:80/", false, "127.0.0.1:80", "/socket.io/"),
            (
                "https://chat.example",
                true,
                "chat.example:443",
                "/socket.io/",
            ),
            (
                "wss://chat.example/app",
                true,
                "chat.example:443",
                "/app/socket.io/",
            ),
            ("ws://[::1]:7", false, "[::1]:7", "/socket.io/"),
            ("http://[::1]", false, "[::1]:80", "/socket.io/"),
        ] {
            let target = Target::of(url);
            let found = (target.is_secure, &*target.authority, &*target.path);
            assert_eq!(found, (is_secure, authority, path), "{url}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (url, expected) in [
            ("http://127.0.0.9:1", true),
            ("http://localhost:1", true),
            ("http://10.0.0.1:1", false),
            ("http://chat.example", false),
        ] {
            assert_eq!(Target::of(url).is_loopback(), expected, "{url}");
        }
    }

    #[test]
    fn one_more_than_an_address_has_ports_needs_a_second_address() {
        assert!(loopback_sources(28_000, 1).is_empty());
        assert!(loopback_sources(56_000, 2).is_empty());
        let second: Vec<IpAddr> = vec![[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
        assert_eq!(loopback_sources(28_001, 1), second);
        assert_eq!(loopback_sources(1_000_000, 1).len(), 36);
    }
}
