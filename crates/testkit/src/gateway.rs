//! A gateway with its embedded defaults, for the browser tests.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::{Launch, Server};

/// The variable that says where the gateway is: `http://127.0.0.1:PORT`.
pub const ENV: &str = "SWITCHBOARD_E2E_URL";

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The gateway's binary as `serve` runs without any configuration, but for its addresses and with its
/// data in a temporary folder. Stopped when dropped.
#[derive(Debug)]
pub struct EmbeddedGateway {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl EmbeddedGateway {
    /// Starts `binary` on free ports of 127.0.0.1 and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; the message has its own words.
    pub async fn start(binary: &Path) -> Result<Self> {
        let binary = binary
            .canonicalize()
            .with_context(|| format!("no {}", binary.display()))?;
        let folder = tempfile::Builder::new()
            .prefix("switchboard-gateway-")
            .tempdir()?;
        for _ in 0..5 {
            let (port, admin_port) = (crate::port::free()?, crate::port::free()?);
            let address = |port| format!("{}:{port}", Ipv4Addr::LOCALHOST);
            let mut server = Server::start(&Launch {
                program: binary.clone(),
                args: vec!["serve".to_owned()],
                env: vec![
                    ("SWITCHBOARD__HTTP__LISTEN", address(port)),
                    ("SWITCHBOARD__ADMIN__LISTEN", address(admin_port)),
                ],
                account: None,
                death_signal: "KILL",
                folder: folder.path().to_owned(),
            })?;
            if wait_until_ready(&mut server, admin_port).await? {
                return Ok(Self {
                    server,
                    port,
                    folder,
                });
            }
            let output = server.output();
            let lost_the_port = output.to_lowercase().contains("address already in use");
            ensure!(lost_the_port, "the gateway ended: {output}");
        }
        bail!("every port chosen for the gateway was taken by somebody else")
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder that has its data and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for EmbeddedGateway {
    fn drop(&mut self) {
        if let Err(error) = self.server.kill() {
            eprintln!("testkit: could not kill the gateway: {error:#}");
        }
    }
}

/// True when `/readyz` says so, false when the process ended instead.
async fn wait_until_ready(server: &mut Server, admin_port: u16) -> Result<bool> {
    let patience = Instant::now() + READY_WITHIN;
    while server.ended()?.is_none() {
        if is_ready(admin_port).unwrap_or(false) {
            return Ok(true);
        }
        ensure!(
            Instant::now() < patience,
            "the gateway is not ready: {}",
            server.output()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}

fn is_ready(admin_port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, admin_port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    Ok(status_line.ends_with(b" 200"))
}
