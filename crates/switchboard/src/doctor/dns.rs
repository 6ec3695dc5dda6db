//! Whether the host names resolve.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio::net::lookup_host;

use super::finding::Finding;
use super::hosts::{Host, hosts};
use super::patient::Patient;

const CHECK: &str = "dns";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let hosts = hosts(patient);
    if hosts.is_empty() {
        return vec![Finding::ok(CHECK, "no host names are configured")];
    }
    let resolved = join_all(hosts.iter().map(|host| resolve(patient, host))).await;
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for (host, addresses) in hosts.iter().zip(resolved) {
        match addresses {
            Ok(addresses) => found.push(format!("{} → {addresses}", host.name)),
            Err(why) => findings.push(Finding::fail(
                CHECK,
                format!("{} ({}): {why}", host.name, host.key),
                format!(
                    "correct the host in {}, or let this host's resolver know it: `getent hosts {}`",
                    host.key, host.name
                ),
            )),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, found.join(", ")));
    }
    findings
}

async fn resolve(patient: &Patient<'_>, host: &Host) -> Result<String, String> {
    let looked = patient
        .bounded(lookup_host((host.name.as_str(), 0)))
        .await?;
    let addresses = looked.map_err(|error| error.to_string())?;
    let addresses: BTreeSet<String> = addresses.map(|one| one.ip().to_string()).collect();
    if addresses.is_empty() {
        return Err("has no address".to_owned());
    }
    Ok(Vec::from_iter(addresses).join(" "))
}
