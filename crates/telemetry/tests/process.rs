//! What is set up once a process. The one test of this file, because it is about process-wide state.

use switchboard_telemetry::{LogFormat, init_logs, install_metrics, names};

#[test]
fn logs_and_metrics_are_set_up_once_and_then_refused() {
    let logs = init_logs(LogFormat::Json, "info", "one").unwrap();
    logs.set_level("warn").unwrap();
    assert!(init_logs(LogFormat::Text, "info", "one").is_err());

    let installed = install_metrics().unwrap();
    metrics::counter!(names::MESSAGES_STORED_TOTAL).increment(3);
    installed.run_upkeep();
    let text = installed.render();
    assert!(
        text.contains("switchboard_messages_stored_total 3\n"),
        "{text}"
    );
    assert!(install_metrics().is_err());
}
