//! What people and pipes read: answers on stdout, problems on stderr.

use std::io::{self, Write};

use anyhow::Context;

use crate::exit::Done;

/// Writes a line to stdout.
pub(crate) fn line(text: &str) -> Done {
    exact(&format!("{text}\n"))
}

/// Writes text to stdout as it is.
pub(crate) fn exact(text: &str) -> Done {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads may have seen enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result.context("stdout cannot be written to")?),
    }
}

/// Writes a problem to stderr.
pub(crate) fn problem(text: &str) {
    // When nobody can be told, there is nobody to tell.
    let _ = writeln!(io::stderr(), "switchboard: {text}");
}

/// Shows how far something is, in the place of what it showed before: on a terminal's stderr.
pub(crate) fn progress(text: &str) {
    let mut stderr = io::stderr();
    let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
}
