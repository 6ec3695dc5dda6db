//! Keys of features that do not exist yet start a node all the same, with a warning.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what it is for"
)]

use std::io::Write as _;

use rstest::rstest;
use switchboard_config::{RESERVED, Remark, Settings, Source};
use tempfile::NamedTempFile;

fn warnings(text: &str, variables: &[(&str, &str)]) -> Vec<Remark> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Settings::load(Some(file.path()), variables)
        .unwrap()
        .warnings
}

fn the_warning(text: &str, variables: &[(&str, &str)]) -> Remark {
    let mut all = warnings(text, variables);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn every_reserved_key_is_a_warning_in_the_file_and_in_the_environment() {
    for reserved in RESERVED {
        for path in reserved.paths {
            let (section, name) = path.split_once('.').unwrap();
            let variable = format!("SWITCHBOARD__{section}__{name}").to_uppercase();
            for warning in [
                the_warning(&format!("[{section}]\n{name} = 1\n"), &[]),
                the_warning("", &[(&variable, "1")]),
            ] {
                assert_eq!(warning.key, *path);
                let feature = reserved.feature;
                assert_eq!(
                    warning.reason,
                    format!("has no effect in this version: {feature} does not exist yet")
                );
            }
        }
    }
}

#[test]
fn a_reserved_key_given_twice_is_one_warning_at_the_place_that_wins() {
    let variable = "SWITCHBOARD__NOTIFICATIONS__DIGEST_WINDOW";
    let text = "[notifications]\ndigest_window = \"1h\"\n";
    let warning = the_warning(text, &[(variable, "2h")]);
    assert_eq!(warning.source, Source::Environment(variable.to_owned()));
}

#[rstest]
#[case::list("[attachments]\nallowed_types = [\"image/png\"]\n")]
#[case::table("[attachments.allowed_types]\nfirst = \"x\"\n")]
#[case::list_of_tables("[[attachments.allowed_types]]\nname = \"first\"\n")]
#[case::nested_table("[attachments.allowed_types.first]\nkey = \"x\"\n")]
fn a_reserved_key_may_hold_anything(#[case] text: &str) {
    let warning = the_warning(text, &[]);
    assert!(
        matches!(warning.source, Source::File { line: Some(_), .. }),
        "{warning}"
    );
}

#[test]
fn an_empty_section_of_reserved_keys_is_no_warning() {
    assert_eq!(warnings("[attachments]\n[recovery]\n", &[]), []);
}

#[test]
fn a_warning_does_not_tell_the_value_of_a_secret() {
    let warning = the_warning("[notifications]\nwebhook_secret = \"hunter2\"\n", &[]);
    assert!(!warning.to_string().contains("hunter2"), "{warning}");
}
