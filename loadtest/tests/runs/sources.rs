//! Where connections come from.

use std::net::{IpAddr, Ipv4Addr};

use switchboard_load::run;

use crate::fake::{Fault, SECRET, serve};
use crate::options;

#[tokio::test]
async fn clients_take_the_given_local_addresses_in_turn() {
    let sources: Vec<IpAddr> = [2, 3]
        .map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
        .into();
    for transport in ["websocket", "polling"] {
        let server = serve(Fault::None).await;
        let scenario = format!(
            "kind = 'idle'\ntransport = '{transport}'\nconnections = 4\nconnect_rate = 1000\nhold = '10ms'"
        );
        let mut options = options(&scenario, &server.url, SECRET);
        options.sources.clone_from(&sources);
        let report = run(options, &|_| {}).await.expect("a run");
        assert_eq!(report.connections.ready, 4);
        let seen: Vec<IpAddr> = server.world.lock().await.sources.iter().copied().collect();
        assert_eq!(seen, sources, "{transport}");
    }
}

#[test]
fn long_polling_of_a_secure_address_is_refused_before_anything_is_done() {
    let scenario =
        "kind = 'idle'\ntransport = 'polling'\nconnections = 4\nconnect_rate = 1\nhold = '10ms'";
    let fault = |url| options(scenario, url, SECRET).check();
    assert_eq!(fault("http://127.0.0.1:1"), Ok(()));
    let error = fault("https://127.0.0.1:1").expect_err("no TLS");
    assert!(error.contains("--url https://127.0.0.1:1"), "{error}");
}
