//! The certificate in force: whoever exchanges its files need not restart the node, nor tell it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use switchboard_messaging::Clock;
use switchboard_protocol::Timestamp;
use switchboard_socketio::listen;
use switchboard_telemetry::names;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::certificate::{Certificate, Content, Files, Mistake};

/// How often the files are looked at. Kubernetes, too, takes about a minute to bring a changed Secret
/// to its pods.
const EVERY: Duration = Duration::from_mins(1);

/// Looks after the certificate that was read when the node started, if one was.
pub(crate) fn start(
    read: Option<(Files, Certificate)>,
    clock: &Arc<dyn Clock>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Option<Arc<Renewal>> {
    let renewal = Arc::new(Renewal::new(read?, clock));
    tasks.spawn(Arc::clone(&renewal).run(stop.clone()));
    Some(renewal)
}

/// The certificate that new connections are shown, and the files from which the next one comes.
#[derive(Debug)]
pub(crate) struct Renewal {
    files: Files,
    config: watch::Sender<Arc<ServerConfig>>,
    /// What was found in the files last, good or bad.
    seen: Mutex<Result<Content, Vec<Mistake>>>,
    clock: Arc<dyn Clock>,
}

impl Renewal {
    /// Begins with a certificate that was read when the node started.
    fn new((files, certificate): (Files, Certificate), clock: &Arc<dyn Clock>) -> Self {
        tell(&certificate, clock.now());
        Self {
            files,
            config: watch::Sender::new(certificate.config),
            seen: Mutex::new(Ok(certificate.content)),
            clock: Arc::clone(clock),
        }
    }

    /// What the public listener has to know.
    pub(crate) fn tls(&self) -> listen::Tls {
        listen::Tls {
            config: self.config.subscribe(),
            on_handshake: |became| {
                let result = became.as_str();
                metrics::counter!(names::TLS_HANDSHAKES_TOTAL, "result" => result).increment(1);
            },
        }
    }

    /// The certificate that is in the files now.
    pub(crate) fn read(&self) -> Result<Certificate, Vec<Mistake>> {
        self.files.parse(self.files.content()?)
    }

    /// Shows a certificate from now on, if it is another one.
    pub(crate) fn take(&self, certificate: Certificate) {
        if self.is_news(Ok(certificate.content.clone())) {
            self.show(certificate);
        }
    }

    /// Looks at the files again and again until `stop`.
    async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            self.look();
        }
    }

    /// Shows what is in the files now, if that is new. What cannot be used is told once.
    fn look(&self) {
        let found = self.files.content();
        if !self.is_news(found.clone()) {
            return;
        }
        match found.and_then(|content| self.files.parse(content)) {
            Ok(certificate) => self.show(certificate),
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!(%mistake, "certificate not exchanged; the old one stays");
                }
            }
        }
    }

    fn is_news(&self, found: Result<Content, Vec<Mistake>>) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *seen != found;
        *seen = found;
        is_news
    }

    fn show(&self, certificate: Certificate) {
        tracing::info!(ends = %certificate.ends, "new certificate");
        tell(&certificate, self.clock.now());
        self.config.send_replace(certificate.config);
    }
}

/// Puts the certificate's end into the metrics, and what is wrong with its times into the log.
fn tell(certificate: &Certificate, now: Timestamp) {
    let ends = certificate.ends.as_millis() as f64 / 1000.0;
    metrics::gauge!(names::TLS_CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS).set(ends);
    if let Some(warning) = certificate.warning(now) {
        tracing::warn!("{warning}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use switchboard_messaging::SystemClock;

    use super::*;
    use crate::certificate::made;

    #[tokio::test(start_paused = true)]
    async fn changed_files_are_seen_within_a_minute_and_bad_ones_leave_the_old_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let files = made::files(folder.path());
        let certificate = files.parse(files.content().unwrap()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let renewal = Arc::new(Renewal::new((files.clone(), certificate), &clock));
        let mut shown = renewal.tls().config;
        let stop = CancellationToken::new();
        let minutes = async {
            let minute = EVERY + Duration::from_millis(1);
            tokio::time::sleep(minute).await;
            assert!(!shown.has_changed().unwrap(), "nothing is new");

            // Half of a change: what comes first does not fit what is there.
            let half = fs::read(&files.key).unwrap();
            let _ = made::files(folder.path());
            let whole = fs::read(&files.key).unwrap();
            fs::write(&files.key, half).unwrap();
            tokio::time::sleep(minute).await;
            assert!(!shown.has_changed().unwrap(), "the key does not fit");

            fs::write(&files.key, whole).unwrap();
            tokio::time::sleep(minute).await;
            assert!(shown.has_changed().unwrap());
            shown.mark_unchanged();

            fs::remove_file(&files.cert).unwrap();
            tokio::time::sleep(minute * 3).await;
            assert!(!shown.has_changed().unwrap(), "it cannot be read");
            stop.cancel();
        };
        tokio::join!(Arc::clone(&renewal).run(stop.clone()), minutes);
    }

    #[test]
    fn a_certificate_that_is_shown_already_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let files = made::files(folder.path());
        let certificate = files.parse(files.content().unwrap()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let renewal = Renewal::new((files, certificate), &clock);
        let mut shown = renewal.tls().config;
        renewal.take(renewal.read().unwrap());
        assert!(!shown.has_changed().unwrap());
        let _ = made::files(folder.path());
        renewal.take(renewal.read().unwrap());
        assert!(shown.has_changed().unwrap());
        shown.mark_unchanged();
    }
}
