//! What a check found.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// It does not work, or breaks what the gateway promises.
    Fail,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at, such as `redis.memory`.
    pub(super) check: String,
    pub(super) status: Status,
    /// What was found, with figures.
    pub(super) found: String,
    /// What somebody could do about it; of all that is not ok.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found.into(), None)
    }

    pub(super) fn warn(check: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, found.into(), Some(mend.into()))
    }

    pub(super) fn fail(check: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, found.into(), Some(mend.into()))
    }

    /// What was found may be another program's words: a finding is one line all the same.
    fn new(check: &str, status: Status, found: String, mend: Option<String>) -> Self {
        let line = |text: String| text.replace(char::is_control, " ");
        Self {
            check: check.to_owned(),
            status,
            found: line(found),
            mend: mend.map(line),
        }
    }
}
