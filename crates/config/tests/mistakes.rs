//! Every mistake is told with its place, its key and what would be right.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what it is for"
)]

use std::io::Write as _;
use std::path::Path;

use rstest::rstest;
use switchboard_config::{ConfigErrors, Loaded, Remark, Settings, Source};
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Settings::load(file, variables)
}

fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<Remark> {
    load(Some(file(text).path()), variables)
        .unwrap_err()
        .mistakes()
        .to_vec()
}

fn the_mistake(text: &str, variables: &[(&str, &str)]) -> Remark {
    let mut all = mistakes(text, variables);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn every_mistake_is_listed_with_its_place_key_and_reason() {
    let file = file("profile = \"loud\"\n\n[http]\nlisten = 8080\nlissten = \"x\"\n");
    let variables = [
        ("SWITCHBOARD__PRESENCE__OFFLINE_GRACE", "5"),
        ("SWITCHBOARD__HTTP__ORIGINS", "*"),
        ("SWITCHBOARD__DATABASE__URL", "mysql://h/x"),
    ];
    let errors = load(Some(file.path()), &variables).unwrap_err();
    let mut lines: Vec<_> = errors.to_string().lines().map(str::to_owned).collect();
    lines.sort();
    let path = file.path().display();
    let mut expected = [
        format!("{path}:1: profile: must be one of standard, strict, marketplace"),
        format!("{path}:4: http.listen: expected a socket address, found a TOML integer"),
        format!("{path}:5: http.lissten: unknown key; did you mean `http.listen`?"),
        "SWITCHBOARD__PRESENCE__OFFLINE_GRACE: presence.offline_grace: must be a duration like 500ms, \
         30s, 5m, 1h or 7d"
            .to_owned(),
        "SWITCHBOARD__HTTP__ORIGINS: http.origins: unknown key; did you mean \
         `SWITCHBOARD__HTTP__ALLOWED_ORIGINS`?"
            .to_owned(),
        "SWITCHBOARD__DATABASE__URL: database.url: must begin with sqlite://, postgres://, \
         postgresql://"
            .to_owned(),
    ];
    expected.sort();
    assert_eq!(lines, expected);
}

#[rstest]
#[case("[htpp]\nlisten = \"x\"\n", "htpp.listen", "`http.listen`")]
#[case("[databse]\n", "databse", "`[database]`")]
#[case("[recovry]\n", "recovry", "`[recovery]`")]
#[case("[limits]\nconects = 1\n", "limits.conects", "`limits.connects`")]
#[case("listen = \"x\"\n", "listen", "`http.listen`")]
#[case("[http.listen]\nport = 1\n", "http.listen.port", "")]
#[case(
    "[realtime]\nping_intervall = \"1s\"\n",
    "realtime.ping_intervall",
    "`realtime.ping_interval`"
)]
fn an_unknown_key_is_answered_with_the_nearest_one(
    #[case] text: &str,
    #[case] key: &str,
    #[case] nearest: &str,
) {
    let mistake = the_mistake(text, &[]);
    assert_eq!(mistake.key, key);
    assert!(mistake.reason.contains("did you mean"), "{mistake}");
    assert!(mistake.reason.contains(nearest), "{mistake}");
}

#[test]
fn a_variable_in_lower_case_is_not_silently_ignored() {
    let mistake = the_mistake("", &[("SWITCHBOARD__http__listen", "127.0.0.1:1")]);
    assert!(
        mistake.reason.contains("`SWITCHBOARD__HTTP__LISTEN`"),
        "{mistake}"
    );
}

#[test]
fn a_section_given_as_a_value_is_answered_with_how_to_write_it() {
    assert!(the_mistake("http = 1\n", &[]).reason.contains("[http]"));
    assert!(
        the_mistake("[[http]]\nlisten = \"x\"\n", &[])
            .reason
            .contains("[http]")
    );
}

#[test]
fn a_table_where_a_value_belongs_is_not_silently_ignored() {
    let mistake = the_mistake("[http.listen]\n", &[]);
    assert_eq!(
        mistake.reason,
        "expected a socket address, found a TOML table"
    );
}

#[test]
fn a_mistake_is_one_line_whatever_the_file_holds() {
    let errors = load(Some(file("\"a\\nb\" = 1\n").path()), &[]).unwrap_err();
    assert_eq!(errors.to_string().lines().count(), 1, "{errors}");
}

#[test]
fn a_missing_file_is_one_mistake() {
    let errors = load(Some(Path::new("/nonexistent/switchboard.toml")), &[]).unwrap_err();
    assert_eq!(errors.mistakes().len(), 1);
    assert!(
        errors
            .to_string()
            .starts_with("/nonexistent/switchboard.toml: (file): cannot be read")
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line_without_quoting_it() {
    let mistake = the_mistake("[auth]\n\nsecret = \"hunter2\n", &[]);
    assert!(
        matches!(mistake.source, Source::File { line: Some(3), .. }),
        "{mistake}"
    );
    assert!(!mistake.to_string().contains("hunter2"), "{mistake}");
}

#[test]
fn the_same_key_twice_in_a_file_is_a_mistake() {
    let mistake = the_mistake(
        "[limits]\nrooms_per_socket = 1\nrooms_per_socket = 2\n",
        &[],
    );
    assert_eq!(mistake.key, "(file)");
}
