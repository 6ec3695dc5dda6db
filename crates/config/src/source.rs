//! Where a value came from, and what is wrong with it.

use std::fmt;
use std::path::PathBuf;

/// The place a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line (from 1) of the configuration file; `None` when the file as a whole is meant.
    File {
        /// The file as it was named on the command line.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
    },
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
        }
    }
}

/// One thing to say about one key: a mistake or a warning. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where the value came from.
    pub source: Source,
    /// The key, as `section.key`; `(file)` for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}: {}: {}", self.source, self.key, self.reason);
        // Names of files, variables and quoted keys may hold line breaks; a remark is one line.
        f.write_str(&text.replace(char::is_control, "?"))
    }
}

/// Every mistake found in a configuration; displayed one a line as `source: key: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(crate) Vec<Remark>);

impl ConfigErrors {
    /// The mistakes, in the order in which they were found; never empty.
    pub fn mistakes(&self) -> &[Remark] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
