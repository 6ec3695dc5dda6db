//! A file and an environment become settings.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what it is for"
)]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use switchboard_config::{
    ConfigErrors, Environment, Loaded, Origin, Preset, SECTIONS, Settings, Source,
};
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

#[test]
fn with_nothing_given_the_documented_defaults_hold() {
    let Loaded {
        settings, warnings, ..
    } = load(None, &[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.general.environment, Environment::Development);
    assert_eq!(settings.general.startup_timeout, Duration::from_secs(30));
    assert_eq!(settings.http.listen.to_string(), "0.0.0.0:8080");
    assert!(settings.http.allowed_origins[0].is_any());
    assert_eq!(settings.admin.listen.to_string(), "127.0.0.1:9090");
    assert_eq!(
        settings.database.url.expose(),
        "sqlite://./data/switchboard.db"
    );
    assert!(settings.database.migrate_on_start);
    assert!(settings.redis.url.is_none());
    assert_eq!(settings.redis.command_timeout, Duration::from_millis(500));
    assert_eq!(settings.auth.algorithms, []);
    assert_eq!(settings.realtime.max_packet.bytes(), 100 * 1024);
    assert_eq!(settings.realtime.ping_interval, Duration::from_secs(25));
    assert_eq!(settings.realtime.ping_timeout, Duration::from_secs(20));
    assert_eq!(settings.realtime.connect_timeout, Duration::from_secs(45));
    assert_eq!(settings.realtime.send_queue.bytes(), 256 * 1024);
    assert_eq!(settings.presence.batch_window, Duration::from_millis(200));
    assert_eq!(settings.rate_limits.preset, Preset::Standard);
    assert_eq!(
        settings.messages.edit_limit(),
        Some(Duration::from_hours(24))
    );
    assert_eq!(settings.limits.connections_per_user, 50);
    assert_eq!(settings.limits.rooms_per_socket, 1000);
    assert_eq!(settings.shutdown.drain, Duration::from_secs(30));
}

#[test]
fn the_environment_beats_the_file() {
    let file = file("[http]\nlisten = \"127.0.0.1:1\"\n[limits]\nrooms_per_socket = 7\n");
    let variables = [("SWITCHBOARD__HTTP__LISTEN", "127.0.0.1:2")];
    let settings = load(Some(file.path()), &variables).unwrap().settings;
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.limits.rooms_per_socket, 7);
    assert_eq!(
        settings.source("http.listen"),
        Source::Environment("SWITCHBOARD__HTTP__LISTEN".to_owned())
    );
    assert_eq!(
        settings.source("limits.rooms_per_socket"),
        Source::File {
            path: file.path().to_owned(),
            line: Some(4)
        }
    );
}

#[test]
fn a_key_above_all_sections_has_a_short_variable() {
    let settings = settings(&[("SWITCHBOARD__PROFILE", "strict")]);
    assert_eq!(settings.rate_limits.preset, Preset::Strict);
}

#[test]
fn a_profile_sets_defaults_and_keys_that_are_set_win() {
    let marketplace = settings(&[("SWITCHBOARD__PROFILE", "marketplace")]);
    assert_eq!(marketplace.rate_limits.preset, Preset::Marketplace);
    let padded = settings(&[("SWITCHBOARD__PROFILE", " strict ")]);
    assert_eq!(padded.rate_limits.preset, Preset::Strict);
    let mixed = settings(&[
        ("SWITCHBOARD__PROFILE", "marketplace"),
        ("SWITCHBOARD__RATE_LIMITS__PRESET", "standard"),
    ]);
    assert_eq!(mixed.rate_limits.preset, Preset::Standard);
}

#[test]
fn the_schema_of_a_shared_database_is_not_touched_in_production_unless_asked() {
    const URL: (&str, &str) = ("SWITCHBOARD__DATABASE__URL", "postgres://h/sb");
    const PRODUCTION: (&str, &str) = ("SWITCHBOARD__ENVIRONMENT", "production");
    const SECRET: (&str, &str) = (
        "SWITCHBOARD__AUTH__SECRET",
        "0123456789abcdef0123456789abcdef",
    );
    assert!(settings(&[URL]).database.migrate_on_start);
    assert!(
        !settings(&[URL, PRODUCTION, SECRET])
            .database
            .migrate_on_start
    );
    let asked = ("SWITCHBOARD__DATABASE__MIGRATE_ON_START", "true");
    assert!(
        settings(&[URL, PRODUCTION, SECRET, asked])
            .database
            .migrate_on_start
    );
    let url = file("postgres://h/sb\n");
    let path = (
        "SWITCHBOARD__DATABASE__URL_FILE",
        url.path().to_str().unwrap(),
    );
    assert!(
        !settings(&[path, PRODUCTION, SECRET])
            .database
            .migrate_on_start
    );
}

#[rstest]
#[case("https://a.example,https://b.example")]
#[case(r#"["https://a.example", "https://b.example"]"#)]
fn a_list_in_the_environment_is_json_or_separated_by_commas(#[case] text: &str) {
    let origins = settings(&[("SWITCHBOARD__HTTP__ALLOWED_ORIGINS", text)])
        .http
        .allowed_origins;
    let origins: Vec<_> = origins.iter().map(Origin::as_str).collect();
    assert_eq!(origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn rates_of_events_come_from_a_table_or_from_json() {
    let file = file("[rate_limits.events]\n\"message:send\" = \"5/10s\"\n");
    let from_file = load(Some(file.path()), &[])
        .unwrap()
        .settings
        .rate_limits
        .events;
    let json = r#"{"message:send":"5/10s"}"#;
    let from_environment = settings(&[("SWITCHBOARD__RATE_LIMITS__EVENTS", json)])
        .rate_limits
        .events;
    assert_eq!(from_file, from_environment);
    assert_eq!(from_file["message:send"].to_string(), "5/10s");
}

#[test]
fn variables_of_other_programs_and_empty_ones_are_passed_over() {
    let variables = [
        ("PATH", "/bin"),
        ("SWITCHBOARD_LISTEN", "x"),
        ("SWITCHBOARD__HTTP__LISTEN", ""),
        ("SWITCHBOARD__LIMITS__CONNECTS", " "),
    ];
    let Loaded {
        settings, warnings, ..
    } = load(None, &variables).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.source("http.listen"), Source::Default);
}

#[test]
fn every_number_with_a_range_may_be_at_its_ends_and_not_beyond() {
    let mut checked = 0;
    for key in SECTIONS.iter().flat_map(|section| section.keys) {
        let Some((least, greatest)) = key.range else {
            continue;
        };
        let try_value = |text: &str| load(None, &[(&key.variable(), text)]);
        for end in [least, greatest] {
            assert!(
                try_value(end).is_ok(),
                "{} = {end}: {:?}",
                key.path,
                try_value(end)
            );
        }
        let (below, above) = beyond(key.kind, least, greatest);
        for text in below.iter().chain([&above]) {
            let errors = try_value(text).unwrap_err();
            let reason = format!("must be between {least} and {greatest}");
            assert_eq!(errors.mistakes()[0].reason, reason, "{} = {text}", key.path);
        }
        checked += 1;
    }
    assert!(checked > 10, "only {checked} keys have a range");
}

/// The values one unit below `least` (if there is one) and one above `greatest`.
fn beyond(kind: &str, least: &str, greatest: &str) -> (Option<String>, String) {
    let unit_at = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let base = |text: &str| {
        let (count, unit) = text.split_at(unit_at(text));
        let factor: u64 = match unit {
            "" | "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            other => panic!("{other}"),
        };
        count.parse::<u64>().unwrap() * factor
    };
    let unit = if kind == "duration" { "ms" } else { "" };
    let below = base(least)
        .checked_sub(1)
        .map(|number| format!("{number}{unit}"));
    (below, format!("{}{unit}", base(greatest) + 1))
}

#[test]
fn a_reload_knows_which_keys_changed_even_when_they_are_secret() {
    let old = settings(&[("SWITCHBOARD__AUTH__SECRET", SECRET)]);
    let new = settings(&[
        ("SWITCHBOARD__AUTH__SECRET", &SECRET.replace('0', "9")),
        ("SWITCHBOARD__HTTP__LISTEN", "127.0.0.1:1"),
    ]);
    let changed: Vec<_> = old
        .changed_keys(&new)
        .iter()
        .map(|key| (key.path, key.reloadable))
        .collect();
    assert_eq!(changed, [("http.listen", false), ("auth.secret", true)]);
    assert!(old.changed_keys(&old).is_empty());
}

#[test]
fn a_running_node_takes_new_keys_origins_rates_rules_of_messages_and_log_levels() {
    let reloadable: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .filter(|key| key.reloadable)
        .map(|key| key.path)
        .collect();
    let expected = [
        "http.allowed_origins",
        "auth.algorithms",
        "auth.secret",
        "auth.public_key_file",
        "auth.issuer",
        "auth.audience",
        "auth.api_keys",
        "queue.max_events",
        "queue.ttl",
        "queue.retry_after",
        "queue.retry_max",
        "queue.attempts",
        "queue.dead_letter_ttl",
        "rate_limits.preset",
        "rate_limits.default",
        "rate_limits.events",
        "messages.max_length",
        "messages.edit_window",
        "messages.deletion",
        "limits.failed_connects",
        "limits.connects",
        "limits.events_per_org",
        "telemetry.log_level",
    ];
    assert_eq!(reloadable, expected);
}

fn any_path() -> impl Strategy<Value = String> {
    let keys: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .map(|k| k.path)
        .collect();
    prop_oneof![
        prop::sample::select(keys).prop_map(str::to_owned),
        "[a-z_.]{0,20}"
    ]
}

proptest! {
    #[test]
    fn no_file_makes_loading_panic(path in any_path(), value in "\\PC*|\"[a-z0-9/:]*\"|-?[0-9]{1,20}") {
        let _ = load(Some(file(&format!("{path} = {value}\n")).path()), &[]);
    }

    #[test]
    fn no_environment_makes_loading_panic(path in any_path(), value in "\\PC*|[0-9]{1,20}[a-zA-Z]{0,3}") {
        // A path of the machine must not be read by accident: values are text, not files.
        prop_assume!(!path.ends_with("_file"));
        let variable = format!("SWITCHBOARD__{}", path.replace('.', "__").to_uppercase());
        let _ = load(None, &[(&variable, &value)]);
    }
}

#[test]
fn a_profile_sets_rates_and_limits_on_connecting() {
    let load = |variables: &[(&str, &str)]| {
        let all = variables.iter();
        let all = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::load(None, all).unwrap().settings
    };
    let profile = "SWITCHBOARD__PROFILE";
    for (name, connects) in [
        ("standard", "6000/1m"),
        ("strict", "5/5m"),
        ("marketplace", "6000/1m"),
    ] {
        let settings = load(&[(profile, name)]);
        assert_eq!(settings.rate_limits.preset.as_str(), name);
        assert_eq!(settings.limits.connects.0.unwrap().to_string(), connects);
        let failed = settings.limits.failed_connects.0.unwrap();
        assert_eq!(failed.to_string(), "5/5m");
    }
    let settings = load(&[
        (profile, "strict"),
        ("SWITCHBOARD__LIMITS__CONNECTS", "0"),
        ("SWITCHBOARD__RATE_LIMITS__PRESET", "standard"),
    ]);
    assert_eq!(settings.limits.connects.0, None);
    assert_eq!(settings.rate_limits.preset.as_str(), "standard");
}

#[test]
fn what_reserved_keys_were_set_to_is_kept_and_not_shown() {
    let smtp = "smtp://me:hunter2@mail";
    let variables = [
        ("SWITCHBOARD__NOTIFICATIONS__SMTP_URL", smtp),
        ("SWITCHBOARD__HTTP__LISTEN", "127.0.0.1:1"),
    ];
    let loaded = load(None, &variables).unwrap();
    let kept: Vec<_> = loaded.reserved.iter().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, "notifications.smtp_url");
    assert_eq!(kept[0].1.expose(), smtp);
    assert!(!format!("{loaded:?}").contains("hunter2"));
}
