//! Connections to the other nodes' admin listeners.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A node that takes no connection within this time is gone.
const CONNECT: Duration = Duration::from_millis(1_500);

/// Connections are kept for the next request for less time than the listener at the other end keeps
/// them, so that none is closed just when a request goes out.
const IDLE: Duration = Duration::from_secs(5);
const MAX_IDLE: usize = 64;

/// A host that vanished without a word is noticed after this.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(15);

/// An HTTP client that owns its tasks. A request whose future is dropped is aborted: its connection
/// is closed.
#[derive(Debug)]
pub(crate) struct NodeClient {
    http: Client<HttpConnector, Body>,
}

impl NodeClient {
    pub(crate) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        #[cfg(target_os = "linux")]
        connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let http = Client::builder(Owned { tasks, stop })
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Self { http }
    }

    pub(crate) async fn request(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        self.http.request(request).await
    }
}

/// Runs the connections' tasks where somebody waits for them.
#[derive(Clone, Debug)]
struct Owned {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Owned
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, connection: F) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(connection).await;
        });
    }
}
