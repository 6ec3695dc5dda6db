//! `switchboard config show`.

use std::fmt::Write as _;

use super::comment;
use crate::key::Key;
use crate::sections::SECTIONS;
use crate::settings::Settings;
use crate::source::Source;

impl Settings {
    /// The effective settings as TOML, without secrets and passwords; values that somebody set are
    /// followed by where that was.
    pub fn render_show(&self) -> String {
        let mut out = comment("The effective configuration. Secrets are shown as ***.");
        for section in SECTIONS {
            out.push('\n');
            if !section.name.is_empty() {
                let _ = writeln!(out, "[{}]", section.name);
            }
            for key in section.keys {
                out += &self.line(key);
            }
        }
        out
    }

    fn line(&self, key: &Key) -> String {
        let Some(effective) = self.effective.get(key.path) else {
            return String::new();
        };
        let name = key.name();
        match (&effective.shown, &effective.source) {
            (None, _) => format!("# {name} is not set\n"),
            (Some(value), Source::Default) => format!("{name} = {value}\n"),
            (Some(value), source) => format!("{name} = {value} # {}\n", one_line(source)),
        }
    }
}

/// A file's name may hold anything, a line break included; a comment may not.
fn one_line(source: &Source) -> String {
    source.to_string().replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(variables: &[(&str, &str)]) -> String {
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::load(None, variables)
            .unwrap()
            .settings
            .render_show()
    }

    #[test]
    fn what_is_shown_is_toml() {
        let text = shown(&[(
            "SWITCHBOARD__RATE_LIMITS__EVENTS",
            r#"{"message:send":"7/10s"}"#,
        )]);
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["http"]["listen"].as_str(), Some("0.0.0.0:8080"));
        assert_eq!(
            table["rate_limits"]["events"]["message:send"].as_str(),
            Some("7/10s")
        );
    }

    #[test]
    fn a_value_that_somebody_set_says_where() {
        let text = shown(&[("SWITCHBOARD__HTTP__LISTEN", "127.0.0.1:1234")]);
        assert!(
            text.contains("listen = \"127.0.0.1:1234\" # SWITCHBOARD__HTTP__LISTEN\n"),
            "{text}"
        );
        assert!(text.contains("\nlisten = \"127.0.0.1:9090\"\n"), "{text}");
    }

    #[test]
    fn a_reserved_key_is_not_shown_even_when_it_is_set() {
        let text = shown(&[("SWITCHBOARD__ATTACHMENTS__STORE", "file:///var/lib")]);
        assert_eq!(text, shown(&[]));
    }

    #[test]
    fn no_secret_is_shown() {
        let text = shown(&[
            (
                "SWITCHBOARD__AUTH__SECRET",
                "hunter2-hunter2-hunter2-hunter2-hunter2",
            ),
            ("SWITCHBOARD__REDIS__PASSWORD", "hunter3"),
            (
                "SWITCHBOARD__REDIS__URL",
                "redis://sb:hunter4@localhost:6379",
            ),
            (
                "SWITCHBOARD__DATABASE__URL",
                "postgres://sb:hunter5@localhost/sb",
            ),
        ]);
        assert!(!text.contains("hunter"), "{text}");
        assert!(
            text.contains("secret = \"***\" # SWITCHBOARD__AUTH__SECRET\n"),
            "{text}"
        );
        assert!(text.contains("postgres://sb:***@localhost/sb"), "{text}");
    }
}
