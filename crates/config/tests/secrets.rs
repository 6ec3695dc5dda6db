//! Secrets come from files too, and stay secret.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what it is for"
)]

use std::io::Write as _;
use std::path::Path;

use rstest::rstest;
use switchboard_config::{ConfigErrors, Loaded, Remark, SECTIONS, Secrecy, Settings, Source};
use tempfile::NamedTempFile;

const SECRET: &str = "0123456789abcdef0123456789abcdef"; // 32 bytes

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

fn settings(variables: &[(&str, &str)]) -> Settings {
    load(None, variables).unwrap().settings
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
fn a_secret_may_come_from_a_file() {
    let secret = file(&format!("{SECRET}\n"));
    let path = secret.path().to_str().unwrap();
    let from_environment = settings(&[("SWITCHBOARD__AUTH__SECRET_FILE", path)]);
    assert_eq!(from_environment.auth.secret.unwrap().expose(), SECRET);
    let config = file(&format!("[auth]\nsecret_file = '{path}'\n"));
    let from_file = load(Some(config.path()), &[]).unwrap().settings;
    assert_eq!(from_file.auth.secret.as_ref().unwrap().expose(), SECRET);
    assert!(!from_file.render_show().contains(SECRET));
    assert!(matches!(
        from_file.source("auth.secret"),
        Source::File { line: Some(2), .. }
    ));
}

#[test]
fn every_secret_and_every_url_can_come_from_a_file() {
    let secret = file("postgres://h/sb");
    let path = secret.path().to_str().unwrap();
    let url = settings(&[("SWITCHBOARD__DATABASE__URL_FILE", path)])
        .database
        .url;
    assert_eq!(url.expose(), "postgres://h/sb");
    let secret_keys: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .filter(|key| key.secrecy != Secrecy::Public)
        .map(|key| key.path)
        .collect();
    assert_eq!(
        secret_keys,
        [
            "admin.cluster_secret",
            "database.url",
            "redis.url",
            "redis.password",
            "redis.sentinel_password",
            "auth.secret",
            "auth.api_keys"
        ]
    );
}

#[test]
fn a_secret_given_twice_is_a_mistake_wherever_it_is_given() {
    let secret = file(SECRET);
    let path = secret.path().to_str().unwrap();
    let config = format!("[auth]\nsecret = \"{SECRET}\"\n");
    let mistake = the_mistake(&config, &[("SWITCHBOARD__AUTH__SECRET_FILE", path)]);
    assert_eq!(mistake.key, "auth.secret_file");
    assert!(mistake.reason.contains("only one"), "{mistake}");
}

#[rstest]
#[case::missing("/nonexistent/secret", "cannot read `/nonexistent/secret`")]
#[case::empty("", "is empty")]
fn a_secret_file_without_a_secret_is_one_mistake_even_in_production(
    #[case] path: &str,
    #[case] reason: &str,
) {
    let empty = file("\n");
    let path = if path.is_empty() {
        empty.path().to_str().unwrap()
    } else {
        path
    };
    let config = "environment = \"production\"\n";
    let mistake = the_mistake(config, &[("SWITCHBOARD__AUTH__SECRET_FILE", path)]);
    assert!(mistake.reason.contains(reason), "{mistake}");
}

#[test]
fn debugging_settings_tells_no_secret() {
    let settings = settings(&[
        ("SWITCHBOARD__AUTH__SECRET", SECRET),
        ("SWITCHBOARD__REDIS__URL", "redis://:hunter2@h:6379"),
        ("SWITCHBOARD__ADMIN__CLUSTER_SECRET", "hunter2"),
    ]);
    let told = format!("{settings:?}");
    assert!(
        !told.contains(SECRET) && !told.contains("hunter2"),
        "{told}"
    );
}
