//! Two nodes whose services tell what they are asked, over real connections.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use switchboard_forward::{
    ClusterKey, ENDPOINT, Entrance, Forwarder, Forwarding, Knocker, Parts, Route, Said,
};
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::hub::{HubResult, NodeInfo, Registry};
use switchboard_messaging::{Clock as _, SystemClock};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{OrganizationId, Presence, Timestamp};
use switchboard_socketio::{RemoteAddr, listen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_secs(10);
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// Which nodes there are, for all of them.
#[derive(Default)]
struct List(Mutex<Vec<NodeInfo>>);

#[async_trait]
impl Registry for List {
    async fn renew_lease(&self, node: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>> {
        self.0.lock().unwrap().push(node.clone());
        Ok(Vec::new())
    }

    async fn leave(&self) -> HubResult<()> {
        Ok(())
    }

    async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
        Ok(self.0.lock().unwrap().clone())
    }
}

struct Node {
    route: Route,
    public: SocketAddr,
    /// Where the others reach it.
    inside: String,
    forwarding: Arc<Forwarding>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Node {
    async fn start(list: &Arc<List>, bits: u64, secret: &[u8]) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let route = Route::of_random(bits);
        let forwarding = Arc::new(Forwarding::new(Parts {
            route,
            key: ClusterKey::new(secret),
            registry: Arc::clone(list) as _,
            clock: Arc::new(SystemClock),
            tasks: tasks.clone(),
            stop: stop.clone(),
        }));
        let tell = tower::service_fn(move |request| tell(route, request));
        let outside = Forwarder::new(Some(Arc::clone(&forwarding)), tell);
        let inside = Entrance::new(Arc::clone(&forwarding), tell);
        let outside = Router::new().nest_service("/socket.io", outside);
        let inside = Router::new().nest_service(ENDPOINT, inside);
        let mut addresses = Vec::new();
        for routes in [outside, inside] {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(tcp.local_addr().unwrap());
            let options = listen::Options::default();
            tasks.spawn(listen::serve(tcp, routes, options, stop.clone()));
        }
        let info = NodeInfo {
            id: "a node".to_owned(),
            version: "test".to_owned(),
            started_at: Timestamp::from_millis(0),
            connections: 0,
            address: Some(format!("http://{}", addresses[1])),
            route: route.as_str().to_owned(),
            draining: false,
            figures: NodeFigures::default(),
        };
        list.renew_lease(&info).await.unwrap();
        Self {
            route,
            public: addresses[0],
            inside: format!("http://{}", addresses[1]),
            forwarding,
            stop,
            tasks,
        }
    }

    /// A session of this node.
    fn session(&self) -> String {
        format!("{}abcdefghijklmn", self.route.as_str())
    }

    /// Sends a request with these header lines; returns the connection.
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.public).await.unwrap();
        let headers = headers.join("\r\n");
        let request = format!("{line} HTTP/1.1\r\nhost: test\r\n{headers}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The whole answer to a request, after which the connection is closed.
    async fn answer(&self, line: &str, headers: &[&str], body: &str) -> String {
        let headers = [headers, &["connection: close"]].concat();
        rest(&mut self.ask(line, &headers, body).await).await
    }

    /// A WebSocket at this node for a session, after the answer's head.
    async fn websocket(&self, session: &str) -> TcpStream {
        let line = format!("GET /socket.io/?transport=websocket&sid={session}");
        let headers = ["connection: Upgrade", "upgrade: websocket"];
        let mut stream = self.ask(&line, &headers, "").await;
        let head = until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        stream
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn two_nodes() -> (Node, Node) {
    let list = Arc::new(List::default());
    let one = Node::start(&list, 1, SECRET).await;
    (one, Node::start(&list, 2, SECRET).await)
}

/// A node's own service: says which node it is and what it was asked; echoes on a WebSocket; breaks
/// off on `/broken`.
async fn tell(route: Route, mut request: Request<Body>) -> Result<Response<Body>, Infallible> {
    if request.headers().contains_key(header::UPGRADE) {
        let upgrade = hyper::upgrade::on(&mut request);
        TaskTracker::new().spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let (mut read, mut write) = tokio::io::split(&mut stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.write_all(b"bye").await;
        });
        let answer = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket");
        return Ok(answer.body(Body::empty()).unwrap());
    }
    if request.uri().path() == "/broken" {
        let part = stream::iter([Ok("a part")]);
        let broken = stream::once(async {
            // The part goes out when nothing comes after it at once.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err("broken")
        });
        return Ok(Response::new(Body::from_stream(part.chain(broken))));
    }
    let client = RemoteAddr::of(request.extensions()).map(|remote| remote.0.ip());
    let cookie = request.headers().get(header::COOKIE).cloned();
    let signature = request.headers().get("x-switchboard-forwarded").is_some();
    let line = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
    let told = format!("{route:?}|{line}|{client:?}|{cookie:?}|{signature}|{body}");
    Ok(Response::new(Body::from(told)))
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        bytes.push(byte.unwrap().unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn own_sessions_and_what_names_none_stay_on_the_node() {
    let (one, _two) = two_nodes().await;
    for session in [&one.session(), "", "short", "node+2abcdefghijklmn"] {
        let line = format!("GET /socket.io/?sid={session}");
        let answer = one.answer(&line, &[], "").await;
        let told = format!("{:?}|GET /?sid={session}|", one.route);
        assert!(answer.contains(&told), "{answer}");
    }
    let answer = one.answer("GET /socket.io/", &[], "").await;
    assert!(
        answer.contains(&format!("{:?}|GET /|", one.route)),
        "{answer}"
    );
}

#[tokio::test]
async fn a_session_of_another_node_is_asked_there_with_all_that_belongs_to_the_request() {
    let (one, two) = two_nodes().await;
    let line = format!("POST /socket.io/?EIO=4&sid={}&t=%20x", two.session());
    let headers = [
        "cookie: a=b",
        "content-length: 5",
        "x-switchboard-forwarded: 1 - forged",
    ];
    let answer = one.answer(&line, &headers, "hello").await;
    let asked = line.replace("/socket.io", "");
    let told = format!(
        r#"{:?}|{asked}|Some(127.0.0.1)|Some("a=b")|false|hello"#,
        two.route
    );
    assert!(answer.ends_with(&told), "{answer}\n{told}");
}

#[tokio::test]
async fn a_chunked_body_is_passed_on_as_it_comes() {
    let (one, two) = two_nodes().await;
    let line = format!("POST /socket.io/?sid={}", two.session());
    let headers = ["transfer-encoding: chunked"];
    let answer = one
        .answer(&line, &headers, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .await;
    assert!(answer.ends_with("|false|abcde"), "{answer}");
}

#[tokio::test]
async fn the_session_of_a_node_that_is_gone_is_left_to_ones_own_service() {
    let (one, two) = two_nodes().await;
    let line = format!("POST /socket.io/?sid={}", two.session());
    let headers = ["content-length: 5"];
    two.stop.cancel();
    two.tasks.close();
    two.tasks.wait().await;
    let answer = one.answer(&line, &headers, "hello").await;
    assert!(
        answer.contains(&format!("{:?}|POST /?sid=", one.route)),
        "{answer}"
    );
    assert!(answer.ends_with("|false|"), "{answer}");
    let unknown = one.answer("GET /socket.io/?sid=nobodyabcdefghijklmn", &[], "");
    assert!(unknown.await.contains(&format!("{:?}|", one.route)));
}

#[tokio::test]
async fn nodes_of_another_secret_do_not_answer_each_other() {
    let list = Arc::new(List::default());
    let one = Node::start(&list, 1, SECRET).await;
    let two = Node::start(&list, 2, b"another secret of at least 32 bytes").await;
    let line = format!("GET /socket.io/?sid={}", two.session());
    let answer = one.answer(&line, &[], "").await;
    assert!(answer.contains(&format!("{:?}|", one.route)), "{answer}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let (one, two) = two_nodes().await;
    let line = format!("GET /socket.io/broken?sid={}", two.session());
    let answer = one.answer(&line, &[], "").await;
    assert!(answer.contains("a part"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "it looks whole: {answer}");
}

#[tokio::test]
async fn a_websocket_goes_both_ways_and_each_side_may_close_first() {
    let (one, two) = two_nodes().await;
    let mut stream = one.websocket(&two.session()).await;
    let much = "much ".repeat(100_000);
    let (mut read, mut write) = stream.split();
    let mut back = vec![0; much.len()];
    let (written, read) =
        tokio::join!(write.write_all(much.as_bytes()), read.read_exact(&mut back));
    written.and(read.map(drop)).unwrap();
    assert!(back == much.as_bytes());
    // Half-closed: the other side hears of it and can still speak.
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "bye");
}

#[tokio::test]
async fn a_node_that_drains_or_stops_ends_the_websockets_that_it_forwards() {
    let (one, two) = two_nodes().await;
    let mut stream = one.websocket(&two.session()).await;
    let answered = one.websocket(&one.session()).await;
    let window = DrainWindow {
        registry: Arc::new(List::default()) as _,
        node: "a node".to_owned(),
        alone: Duration::from_millis(200),
        in_company: Duration::from_mins(1),
    };
    one.forwarding.drain(&window).await;
    assert_eq!(rest(&mut stream).await, "", "drained");
    drop(answered);

    let mut stream = two.websocket(&one.session()).await;
    two.stop.cancel();
    assert_eq!(rest(&mut stream).await, "", "stopped");
}

#[tokio::test]
async fn who_knocks_hears_whether_what_it_forwarded_would_be_taken() {
    let (_one, two) = two_nodes().await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stops = stop.clone().drop_guard();
    let now = || SystemClock.now();
    let with = |secret| Knocker::new(ClusterKey::new(secret), tasks.clone(), stop.clone());
    let knocker = with(SECRET);
    let answer = knocker.knock(&two.inside, now()).await.unwrap();
    assert_eq!(answer.said, Said::Welcome);
    let apart = answer.at.unwrap().as_millis() - now().as_millis();
    assert!(apart.abs() < 5_000, "{apart}");

    let stranger = with(b"another secret of at least 32 bytes..");
    let answer = stranger.knock(&two.inside, now()).await.unwrap();
    assert_eq!(answer.said, Said::Refused);
    let late = now().minus(Duration::from_secs(62));
    let answer = knocker.knock(&two.inside, late).await.unwrap();
    assert_eq!(answer.said, Said::Refused);
    // The public listener has no entrance.
    let outside = format!("http://{}", two.public);
    let answer = knocker.knock(&outside, now()).await.unwrap();
    assert_eq!(answer.said, Said::NotForwarding);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let refused = knocker.knock(&address, now()).await.unwrap_err();
    assert!(refused.contains("refused"), "{refused}");
    assert!(knocker.knock("http://no address", now()).await.is_err());
}
