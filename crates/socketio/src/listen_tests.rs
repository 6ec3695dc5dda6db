use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// An accepted stream and the client's end of it.
async fn pair(options: &Options) -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, (tcp, peer)) = tokio::join!(TcpStream::connect(addr), accept(&listener));
    let client = client.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    tune(&tcp, options);
    let stream = Stream {
        tcp,
        more: Some(MoreFollows::default()),
        write_stall: options.write_stall,
        stalled: None,
        _place: None,
    };
    (stream, client)
}

#[tokio::test]
async fn tunes_what_it_accepts() {
    let time = Duration::from_secs(7);
    let options = Options {
        user_timeout: time,
        ..Options::default()
    };
    let (stream, _client) = pair(&options).await;
    assert!(stream.tcp.nodelay().unwrap());
    let set = SockRef::from(&stream.tcp).tcp_user_timeout().unwrap();
    assert_eq!(set, Some(time));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn what_more_follows_upon_goes_with_it_and_nothing_else_waits() {
    let (mut stream, mut client) = pair(&Options::default()).await;
    let mut bytes = [0; 16];
    stream.more.as_ref().unwrap().say();
    stream.write_all(b"head ").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), client.read(&mut bytes));
    assert!(early.await.is_err(), "it did not wait");
    stream.write_all(b"body").await.unwrap();
    assert_eq!(client.read(&mut bytes).await.unwrap(), 9);
    assert_eq!(&bytes[..9], b"head body");
    stream.write_all(b"more").await.unwrap();
    assert_eq!(client.read(&mut bytes).await.unwrap(), 4);
}

#[tokio::test]
async fn fails_a_write_that_stands_still() {
    let options = Options {
        write_stall: Duration::from_millis(100),
        ..Options::default()
    };
    let (mut stream, _client) = pair(&options).await;
    let content = vec![0; 65_536];
    let error = loop {
        if let Err(error) = stream.write_all(&content).await {
            break error.kind();
        }
    };
    assert_eq!(error, io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn does_not_fail_a_slow_peer_that_goes_on_reading() {
    let options = Options {
        write_stall: Duration::from_millis(500),
        ..Options::default()
    };
    let (mut stream, mut client) = pair(&options).await;
    let total = 16 * 1024 * 1024;
    let reader = async {
        let mut buffer = vec![0; 1024 * 1024];
        let mut left = total;
        while left > 0 {
            // Longer in all than the deadline, never that long without progress.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let size = buffer.len().min(left);
            left -= client.read(&mut buffer[..size]).await.unwrap();
        }
    };
    let content = vec![0; total];
    let (written, ()) = tokio::join!(stream.write_all(&content), reader);
    written.unwrap();
}

/// A server on a free port, and the token that stops it.
#[expect(clippy::disallowed_methods, reason = "the test ends it by its token")]
pub(super) async fn served(
    options: Options,
) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().route("/", axum::routing::get(|| async { "hello" }));
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, options, stop.clone()));
    (addr, stop, task)
}

#[tokio::test]
async fn closes_connections_that_send_no_request() {
    let options = Options {
        header_read: Duration::from_millis(100),
        ..Options::default()
    };
    let (addr, _stop, _task) = served(options).await;
    let mut silent = TcpStream::connect(addr).await.unwrap();
    let mut slow = TcpStream::connect(addr).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut kept = TcpStream::connect(addr).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    for stream in [&mut silent, &mut slow, &mut kept] {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
    }
}

/// What is answered to a request, until the connection is closed.
async fn answer_on(stream: &mut TcpStream) -> String {
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn one_connection_more_than_there_are_places_is_told_so_and_closed() {
    let options = Options {
        max_connections: 2,
        ..Options::default()
    };
    let (addr, _stop, _task) = served(options).await;
    let mut first = TcpStream::connect(addr).await.unwrap();
    let mut second = TcpStream::connect(addr).await.unwrap();
    let mut third = TcpStream::connect(addr).await.unwrap();
    let refused = answer_on(&mut third).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.ends_with(r#"{"message":"too many connections"}"#));
    let (_, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(refused.contains(&format!("content-length: {}\r\n", body.len())));
    // Both that were within the limit are served, and give their places back.
    for stream in [&mut first, &mut second] {
        assert!(answer_on(stream).await.starts_with("HTTP/1.1 200 "));
    }
    loop {
        let mut next = TcpStream::connect(addr).await.unwrap();
        if answer_on(&mut next).await.starts_with("HTTP/1.1 200 ") {
            break;
        }
    }
}

#[tokio::test]
async fn one_that_is_refused_and_does_not_close_is_closed() {
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let (addr, _stop, _task) = served(options).await;
    let _first = TcpStream::connect(addr).await.unwrap();
    let mut second = TcpStream::connect(addr).await.unwrap();
    let mut answer = Vec::new();
    // It never sends a thing.
    second.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
}

#[tokio::test]
async fn stops_when_told_to() {
    let (addr, stop, task) = served(Options::default()).await;
    let _idle = TcpStream::connect(addr).await.unwrap();
    stop.cancel();
    task.await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}
