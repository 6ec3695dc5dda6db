//! Where routes begin.

use std::fmt;

use super::Value;

/// A path such as `/api/v1`, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The path, without a slash at the end; empty when routes begin at the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for PathPrefix {
    const KIND: &'static str = "path";

    fn from_text(text: &str) -> Result<Self, String> {
        let path = text.trim().trim_end_matches('/');
        let fits = |segment: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
            !segment.is_empty() && segment.bytes().all(plain) && segment != "." && segment != ".."
        };
        let mut segments = path.split('/');
        let begins = segments.next() == Some("");
        let is_one = path.is_empty() || (begins && segments.all(fits));
        if !is_one {
            return Err("must be like /api/v1, or empty".to_owned());
        }
        if ["/socket.io", "/dev", "/assets"].contains(&path) {
            return Err(format!("{path} is something else's"));
        }
        Ok(Self(path.to_owned()))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_path_or_nothing() {
        let read = |text: &str| PathPrefix::from_text(text).map(|prefix| prefix.to_string());
        assert_eq!(read("/api/v1"), Ok("/api/v1".to_owned()));
        assert_eq!(read("/api/"), Ok("/api".to_owned()));
        assert_eq!(read(""), Ok(String::new()));
        assert_eq!(read("/"), Ok(String::new()));
        for bad in [
            "api",
            "/a b",
            "/{x}",
            "//a",
            "/a//b",
            "/..",
            "/socket.io",
            "/a?b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
