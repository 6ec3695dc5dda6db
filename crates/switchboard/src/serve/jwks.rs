//! The keys that `auth.jwks_url` publishes: fetched at start, every few minutes, and when a token
//! names a key that nobody here knows.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use switchboard_config::KeySetUrl;
use switchboard_messaging::Live;
use switchboard_messaging::auth::{KeySource, PublishedKeys};
use switchboard_telemetry::names;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the keys are fetched in any case: a key that was withdrawn is believed for no longer.
const EVERY: Duration = Duration::from_mins(5);
/// Unknown keys make nobody fetch them sooner than this after the last time.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the issuer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest set.
const MOST_BYTES: usize = 1024 * 1024;
/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// Fetches keys.
#[derive(Debug)]
pub(crate) struct Jwks {
    url: KeySetUrl,
    http: reqwest::Client,
    allowed: Vec<String>,
    keys: Live<PublishedKeys>,
    /// When they were last asked for. Held meanwhile, so that one asks and the others wait.
    asked: Mutex<Option<Instant>>,
}

impl Jwks {
    /// Nothing is fetched yet.
    pub(crate) fn new(
        url: KeySetUrl,
        allowed: Vec<String>,
        keys: Live<PublishedKeys>,
    ) -> Result<Self> {
        let is_encrypted = url.as_str().starts_with("https://");
        let client = || {
            reqwest::Client::builder()
                .timeout(PATIENCE)
                .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))
                // What began encrypted goes on so.
                .https_only(is_encrypted)
                // Its connections' tasks end with the answer.
                .pool_max_idle_per_host(0)
        };
        let http = match client().build() {
            // A machine that trusts no authority can do without one.
            Err(_) if !is_encrypted => client().tls_certs_only([]).build(),
            built => built,
        };
        let http = http.context("auth.jwks_url: no HTTP client")?;
        let asked = Mutex::new(None);
        Ok(Self {
            url,
            http,
            allowed,
            keys,
            asked,
        })
    }

    /// Fetches the keys and puts them in force.
    ///
    /// # Errors
    ///
    /// Why that was not possible; the old ones stay in force.
    pub(crate) async fn fetch(&self) -> Result<()> {
        let fetched = self.fetched().await;
        let result = if fetched.is_ok() { "ok" } else { "error" };
        metrics::counter!(names::JWKS_FETCHES_TOTAL, "result" => result).increment(1);
        let keys = fetched?;
        tracing::debug!(?keys, "keys fetched");
        self.keys.set(keys);
        Ok(())
    }

    async fn fetched(&self) -> Result<PublishedKeys> {
        let request = self.http.get(self.url.as_str());
        let mut answer = request.header("accept", "application/json").send().await?;
        let status = answer.status();
        if status != reqwest::StatusCode::OK {
            bail!("answered with status {status}");
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                bail!("the key set is larger than {MOST_BYTES} bytes");
            }
            body.extend_from_slice(&chunk);
        }
        Ok(PublishedKeys::parse(&body, &self.allowed)?)
    }

    /// Fetches the keys every few minutes, until `stop`.
    pub(crate) async fn run(self: std::sync::Arc<Self>, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_some()
        {
            self.fetch_or_log().await;
        }
    }

    async fn fetch_or_log(&self) {
        if let Err(error) = self.fetch().await {
            tracing::warn!(
                error = format!("{error:#}"),
                "keys not fetched; the old ones stay in force"
            );
        }
    }
}

#[async_trait]
impl KeySource for Jwks {
    async fn refresh(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.fetch_or_log().await;
        *asked = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Redirect};
    use axum::routing::get;
    use switchboard_config::Settings;
    use tokio_util::task::TaskTracker;
    use tokio_util::task::task_tracker::TaskTrackerToken;

    use super::*;

    const ONE: &str = include_str!("../../../messaging/tests/keys/public.jwks.json");

    /// An issuer: what it answers, and how often it was asked.
    struct Issuer {
        url: String,
        answer: Arc<std::sync::Mutex<(StatusCode, String)>>,
        asked: Arc<AtomicUsize>,
        stop: CancellationToken,
        _running: TaskTrackerToken,
    }

    impl Drop for Issuer {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    impl Issuer {
        async fn start() -> Self {
            let answer = Arc::new(std::sync::Mutex::new((StatusCode::OK, ONE.to_owned())));
            let asked = Arc::new(AtomicUsize::new(0));
            let (told, counted) = (Arc::clone(&answer), Arc::clone(&asked));
            let keys = get(async move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = told.lock().unwrap().clone();
                answer.into_response()
            });
            let routes = Router::new()
                .route("/keys", keys)
                .route("/moved", get(async || Redirect::temporary("/keys")))
                .route("/circle", get(async || Redirect::temporary("/circle")));
            let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", tcp.local_addr().unwrap());
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let options = switchboard_socketio::listen::Options::default();
            let serving = switchboard_socketio::listen::serve(tcp, routes, options, stop.clone());
            tasks.spawn(serving);
            Self {
                url,
                answer,
                asked,
                stop,
                _running: tasks.token(),
            }
        }

        fn answers(&self, status: StatusCode, body: &str) {
            *self.answer.lock().unwrap() = (status, body.to_owned());
        }

        fn jwks(&self, path: &str) -> (Jwks, Live<PublishedKeys>) {
            let key = "SWITCHBOARD__AUTH__JWKS_URL".to_owned();
            let loaded = Settings::load(None, [(key, format!("{}{path}", self.url))]).unwrap();
            let keys = Live::new(PublishedKeys::default());
            let url = loaded.settings.auth.jwks_url.unwrap();
            (Jwks::new(url, Vec::new(), keys.clone()).unwrap(), keys)
        }
    }

    fn ids(keys: &Live<PublishedKeys>) -> Vec<String> {
        keys.get().ids().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn what_is_published_is_in_force_and_stays_so_after_a_failure() {
        let issuer = Issuer::start().await;
        let (jwks, keys) = issuer.jwks("/keys");
        jwks.fetch().await.unwrap();
        assert_eq!(ids(&keys), ["rsa", "ec", "ed"]);
        let too_large = format!("{ONE}{}", " ".repeat(MOST_BYTES));
        for (status, body) in [
            (StatusCode::INTERNAL_SERVER_ERROR, ONE),
            (StatusCode::OK, "<html>maintenance</html>"),
            (StatusCode::OK, "{\"keys\": []}"),
            (StatusCode::OK, too_large.as_str()),
        ] {
            issuer.answers(status, body);
            assert!(jwks.fetch().await.is_err(), "{status}");
            assert_eq!(ids(&keys), ["rsa", "ec", "ed"]);
        }
        issuer.answers(StatusCode::OK, &ONE.replace("\"ec\"", "\"other\""));
        jwks.fetch().await.unwrap();
        assert_eq!(ids(&keys), ["rsa", "other", "ed"]);
    }

    #[tokio::test]
    async fn a_redirect_is_followed_and_a_circle_is_not() {
        let issuer = Issuer::start().await;
        let (jwks, keys) = issuer.jwks("/moved");
        jwks.fetch().await.unwrap();
        assert_eq!(ids(&keys).len(), 3);
        assert!(issuer.jwks("/circle").0.fetch().await.is_err());
    }

    #[tokio::test]
    async fn many_who_ask_at_once_make_one_request_and_so_do_those_who_ask_soon_after() {
        let issuer = Issuer::start().await;
        let (jwks, keys) = issuer.jwks("/keys");
        let asking = (0..20).map(|_| jwks.refresh());
        futures_util::future::join_all(asking).await;
        assert_eq!(ids(&keys).len(), 3);
        jwks.refresh().await;
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
        *jwks.asked.lock().await = Instant::now().checked_sub(PAUSE);
        jwks.refresh().await;
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_issuer_that_is_away_is_an_error_that_names_it() {
        let issuer = Issuer::start().await;
        let (jwks, _) = issuer.jwks("/keys");
        issuer.stop.cancel();
        let gone = async {
            loop {
                match jwks.fetch().await {
                    Ok(()) => tokio::time::sleep(Duration::from_millis(10)).await,
                    Err(error) => return format!("{error:#}"),
                }
            }
        };
        let error = tokio::time::timeout(Duration::from_secs(10), gone)
            .await
            .unwrap();
        assert!(error.contains("/keys"), "{error}");
    }
}
