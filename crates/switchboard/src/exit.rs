//! How the process ends.

use std::fmt;

use switchboard_config::ConfigErrors;

/// Why the process ends with something other than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 78 (`EX_CONFIG`): mistakes in the configuration, one a line.
    Configuration(String),
    /// 69 (`EX_UNAVAILABLE`): something that is needed could not be reached in time.
    Unreachable(String),
    /// 2: a mistake on the command line that clap does not find.
    Usage(String),
    /// 1: anything else.
    Other(anyhow::Error),
}

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 78,
            Self::Unreachable(_) => 69,
            Self::Usage(_) => 2,
            Self::Other(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::Unreachable(text) | Self::Usage(text) => {
                f.write_str(text)
            }
            // With all its causes, on one line.
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Configuration(errors.to_string())
    }
}

/// What a command gives.
pub(crate) type Done = Result<(), Failure>;
