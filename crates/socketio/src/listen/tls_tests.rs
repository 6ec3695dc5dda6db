use std::sync::atomic::{AtomicU32, Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector, client,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use super::*;
use crate::listen::{Options, tests::served};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A certificate of `localhost`, and what a server with it begins with.
fn certificate() -> (CertificateDer<'static>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    (certificate, Arc::new(config))
}

/// A client's end of a connection; fails unless the server shows `certificate`.
async fn secured(
    tcp: TcpStream,
    certificate: &CertificateDer<'static>,
) -> io::Result<client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    connector.connect(name, tcp).await
}

/// The status of the answer to a request on a connection that stays open.
async fn status(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<String> {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(answer).unwrap()[9..12].to_owned())
}

fn options(config: &Arc<ServerConfig>) -> Options {
    speaking(&watch::channel(Arc::clone(config)).1, |_| {})
}

fn speaking(config: &watch::Receiver<Arc<ServerConfig>>, on_handshake: fn(Handshake)) -> Options {
    let config = config.clone();
    Options {
        tls: Some(Tls {
            config,
            on_handshake,
        }),
        ..Options::default()
    }
}

/// Both ends of a connection after their handshakes.
async fn pair(write_stall: Duration) -> (Secured, client::TlsStream<TcpStream>) {
    let (certificate, config) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(addr), listener.accept());
    let stream = Stream {
        tcp: accepted.unwrap().0,
        more: None,
        write_stall,
        stalled: None,
        _place: None,
    };
    let tls = options(&config).tls.unwrap();
    let shaking = tls.shake(stream, Duration::from_secs(10), addr);
    let (secured, client) = tokio::join!(shaking, secured(client.unwrap(), &certificate));
    (secured.unwrap(), client.unwrap())
}

#[tokio::test]
async fn nothing_is_left_over_when_a_write_is_done() {
    let (mut stream, _client) = pair(Duration::from_secs(30)).await;
    let content = vec![7; 100_000];
    // Nobody reads: one of them does not come to its end.
    while tokio::time::timeout(Duration::from_millis(100), stream.write(&content))
        .await
        .is_ok()
    {
        assert!(!stream.tls.get_ref().1.wants_write());
    }
    assert!(stream.taken.is_some());
}

#[tokio::test]
async fn fails_a_write_that_stands_still() {
    let (mut stream, _client) = pair(Duration::from_millis(100)).await;
    let content = vec![0; 65_536];
    let error = loop {
        if let Err(error) = stream.write_all(&content).await {
            break error.kind();
        }
    };
    assert_eq!(error, io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn new_connections_see_a_new_certificate_and_old_ones_live_on() {
    let (first, config) = certificate();
    let (current, configs) = watch::channel(config);
    let (addr, _stop, _task) = served(speaking(&configs, |_| {})).await;
    let connect = || TcpStream::connect(addr);
    let mut old = secured(connect().await.unwrap(), &first).await.unwrap();
    assert_eq!(status(&mut old).await.unwrap(), "200");
    let (second, config) = certificate();
    current.send_replace(config);
    let mut new = secured(connect().await.unwrap(), &second).await.unwrap();
    assert_eq!(status(&mut new).await.unwrap(), "200");
    let refused = secured(connect().await.unwrap(), &first).await;
    assert!(refused.is_err());
    assert_eq!(status(&mut old).await.unwrap(), "200");
}

#[tokio::test]
async fn what_became_of_handshakes_is_counted_and_failed_ones_are_closed() {
    static COUNTS: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
    let counts = || [0, 1, 2].map(|n| COUNTS[n].load(Ordering::SeqCst));
    let on_handshake = |became| {
        COUNTS[became as usize].fetch_add(1, Ordering::SeqCst);
    };
    let (certificate, config) = certificate();
    let options = Options {
        header_read: Duration::from_millis(500),
        ..speaking(&watch::channel(config).1, on_handshake)
    };
    let (addr, _stop, _task) = served(options).await;
    let connect = async || TcpStream::connect(addr).await.unwrap();

    // Who is late, but not too late.
    let late = connect().await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let mut late = secured(late, &certificate).await.unwrap();
    assert_eq!(status(&mut late).await.unwrap(), "200");
    assert_eq!(counts(), [1, 0, 0]);

    let mut plain = connect().await;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // It is told in TLS what it did wrong, or reset.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(counts(), [1, 1, 0]);

    let mut silent = connect().await;
    assert_eq!(silent.read_to_end(&mut answer).await.unwrap(), 0);
    assert_eq!(counts(), [1, 1, 1]);
}

#[tokio::test]
async fn a_connection_in_its_handshake_has_a_place_and_one_more_is_closed_without_a_word() {
    let (certificate, config) = certificate();
    let options = Options {
        max_connections: 2,
        ..options(&config)
    };
    let (addr, _stop, _task) = served(options).await;
    let _silent = TcpStream::connect(addr).await.unwrap();
    let second = TcpStream::connect(addr).await.unwrap();
    let mut third = TcpStream::connect(addr).await.unwrap();
    let mut answer = Vec::new();
    third.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    let mut second = secured(second, &certificate).await.unwrap();
    assert_eq!(status(&mut second).await.unwrap(), "200");
}

#[tokio::test]
async fn stops_though_a_handshake_is_under_way() {
    let (_, config) = certificate();
    let (addr, stop, task) = served(options(&config)).await;
    let _silent = TcpStream::connect(addr).await.unwrap();
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), task).await;
    ended.unwrap().unwrap();
}
