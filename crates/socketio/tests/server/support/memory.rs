//! Clients without a network: with the clock paused, time passes only when nobody has anything to
//! do, so that timings can be tested to the millisecond.

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tower::{Service, ServiceExt};

use super::{Lab, Raw};

/// A WebSocket in memory.
pub(crate) type Local = Raw<DuplexStream>;

impl Lab {
    /// A request straight to the service. Dropped before it is answered, it is aborted.
    pub(crate) async fn call(&self, method: &str, query: &str, body: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/socket.io/?{query}"))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer: Response<Body> = self.service.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// [`opened`](Self::opened) without a network.
    pub(crate) async fn opened_in_memory(&self, revision: u8) -> String {
        let query = format!("EIO={revision}&transport=polling");
        let (status, text) = self.call("GET", &query, "").await;
        assert_eq!(status, 200);
        let sid = text.split(r#""sid":""#).nth(1).unwrap();
        format!("{query}&sid={}", &sid[..20])
    }

    /// A connection in memory that holds `size` bytes each way.
    pub(crate) fn pipe(&self, size: usize) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(size);
        let service = self.service.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            service.clone().call(request.map(Body::new))
        });
        self.pipes.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            // A client that goes away is an error here.
            let _ = connection.with_upgrades().await;
        });
        ours
    }

    /// A WebSocket in memory, after its open packet.
    pub(crate) async fn local(&self, query: &str) -> Local {
        let mut local = Raw::open(self.pipe(64 * 1024), query, &[]).await;
        assert_eq!(local.answer.status, 101);
        assert!(local.text().await.starts_with("0{"));
        local
    }
}
