//! Logs go to the standard error output, so that the standard output stays for people.

use std::io;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::TelemetryError;
use crate::lines::Lines;

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; without colours, since it may well end in a file.
    Text,
    /// One JSON object a line, its fields at the top level, for machines.
    Json,
}

/// Changes the level of the running process's logs.
#[derive(Debug, Clone)]
pub struct LogControl {
    handle: reload::Handle<EnvFilter, Registry>,
}

impl LogControl {
    /// Takes a new level, in the same form as [`init_logs`]. A wrong one changes nothing.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let filter = EnvFilter::try_new(level)?;
        Ok(self.handle.reload(filter)?)
    }
}

/// Installs the process's log output. `level` is a level, perhaps followed by levels of single
/// modules: `info,switchboard_hub=debug`; `node` is said in each line. Fails when called a second time.
pub fn init_logs(format: LogFormat, level: &str, node: &str) -> Result<LogControl, TelemetryError> {
    let (subscriber, control) = subscriber(format, (level, node), io::stderr)?;
    subscriber.try_init()?;
    Ok(control)
}

/// The subscriber, with the place that it writes to.
fn subscriber<W>(
    format: LogFormat,
    (level, node): (&str, &str),
    writer: W,
) -> Result<(impl tracing::Subscriber + Send + Sync, LogControl), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(level)?);
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines
            .map_event_format(|inner| Lines::text(inner, node))
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .map_event_format(|inner| Lines::json(inner, node))
            .boxed(),
    };
    Ok((
        tracing_subscriber::registry().with(filter).with(lines),
        LogControl { handle },
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Runs `act` with a subscriber of its own and returns what was logged.
    fn logged(format: LogFormat, level: &str, act: impl FnOnce(&LogControl)) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, control) =
            subscriber(format, (level, "one"), move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || act(&control));
        lines.text()
    }

    #[test]
    fn a_text_line_has_its_level_message_and_fields() {
        let text = logged(LogFormat::Text, "info", |_| {
            tracing::info!(port = 7, "listening");
        });
        assert!(
            text.contains("INFO") && text.contains("listening port=7"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top_level() {
        let text = logged(LogFormat::Json, "info", |_| {
            tracing::info!(port = 7, "listening");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "listening");
        assert_eq!(line["port"], 7);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_line_within_an_event_says_which_trace_and_what_it_is_about() {
        for (format, wanted) in [
            (
                LogFormat::Text,
                "failed conversation=\"mine\" node=one trace_id=0af7651916cd43dd8448eb211c80319c org=acme",
            ),
            (
                LogFormat::Json,
                r#""conversation":"mine","target":"switchboard_telemetry::logs::tests","node":"one","trace_id":"0af7651916cd43dd8448eb211c80319c","org":"acme"}"#,
            ),
        ] {
            let text = logged(format, "info", |_| {
                let settings = switchboard_trace::Settings {
                    ratio: 0.0,
                    now: || std::time::SystemTime::UNIX_EPOCH,
                    random: || 1,
                };
                let (tracer, _queue) = switchboard_trace::Tracer::new(settings, 1);
                let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
                let event = tracer.begin("e", switchboard_trace::TraceContext::parse(parent));
                let conversation = Some(uuid::Uuid::from_u128(7));
                let event = event.about("acme".to_owned(), conversation, None);
                // A field of the line's own is not repeated.
                let work = async { tracing::info!(conversation = "mine", "failed") };
                futures_util::FutureExt::now_or_never(event.run(work)).unwrap();
            });
            assert!(text.contains(wanted), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn a_json_line_names_the_node_and_is_json_whatever_it_says() {
        let text = logged(LogFormat::Json, "info", |_| {
            tracing::info!(cause = "a \"quoted\"\nline}", "odd}} ");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["node"], "one");
        assert_eq!(line["cause"], "a \"quoted\"\nline}");
        assert!(line.get("trace_id").is_none());
    }

    #[test]
    fn the_level_can_be_changed_while_running_and_a_wrong_one_changes_nothing() {
        let text = logged(LogFormat::Text, "info", |control| {
            tracing::debug!("before");
            control.set_level("debug").unwrap();
            tracing::debug!("after");
            assert!(control.set_level("switchboard=loud").is_err());
            tracing::debug!("still");
        });
        assert!(!text.contains("before"), "{text}");
        assert!(text.contains("after") && text.contains("still"), "{text}");
    }

    #[test]
    fn a_single_module_may_have_its_own_level() {
        let level = "warn,switchboard_telemetry=debug";
        let text = logged(LogFormat::Text, level, |_| {
            tracing::debug!("ours");
            tracing::debug!(target: "somebody_else", "theirs");
        });
        assert!(text.contains("ours") && !text.contains("theirs"), "{text}");
    }

    #[test]
    fn a_wrong_level_is_an_error() {
        let result = subscriber(LogFormat::Text, ("switchboard=loud", "one"), io::sink);
        assert!(matches!(result.map(|_| ()), Err(TelemetryError::Level(_))));
    }
}
