use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const CHAT: &str = r#"
kind = "chat"
rooms = 5
room_size = 10
connect_rate = 100
pace = { open = 50 }
content_bytes = 64
receipts = 0.2
typing = 0.1
warmup = "1s"
duration = "5s"
grace = "10s"
"#;

/// What is wrong when a line of [`CHAT`] is another one.
fn complaint(line: &str, other: &str) -> String {
    assert!(CHAT.contains(line), "{line} is not in the example");
    Scenario::parse(&CHAT.replace(line, other)).expect_err(other)
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder of scenarios");
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[test]
fn the_scenarios_that_come_with_it_can_be_run() {
    let mut kinds: Vec<_> = shipped()
        .iter()
        .map(|path| Scenario::read(path, &[]).unwrap_or_else(|error| panic!("{error}")))
        .map(|scenario| scenario.kind())
        .collect();
    kinds.sort_unstable();
    let mut expected: Vec<_> = KINDS
        .split([',', ' '])
        .filter(|word| !["", "or"].contains(word))
        .collect();
    expected.sort_unstable();
    assert_eq!(kinds, expected);
}

#[test]
fn every_key_of_every_scenario_is_named_when_it_is_missing_or_of_another_type() {
    for path in shipped() {
        let text = std::fs::read_to_string(&path).expect("a file");
        let table: toml::Table = toml::from_str(&text).expect("TOML");
        for key in table.keys() {
            let with = |value: Option<toml::Value>| {
                let mut table = table.clone();
                table.remove(key);
                table.extend(value.map(|value| (key.clone(), value)));
                let text = toml::to_string(&table).expect("TOML");
                Scenario::parse(&text).expect_err(key)
            };
            for error in [with(None), with(Some(toml::Value::Boolean(true)))] {
                assert!(error.contains(key.as_str()), "{key} is not in: {error}");
            }
        }
    }
}

#[test]
fn a_key_that_there_is_not_is_named_with_its_file_and_line() {
    let error = complaint("typing = 0.1", "tpying = 0.1");
    assert!(
        error.contains("unknown field `tpying`") && error.contains("line 9"),
        "{error}"
    );
    let path = std::env::temp_dir().join("switchboard-load-a-bad-scenario.toml");
    std::fs::write(&path, CHAT.replace("typing", "tpying")).expect("a temporary file");
    let error = Scenario::read(&path, &[])
        .expect_err("a bad scenario")
        .to_string();
    std::fs::remove_file(&path).ok();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn a_kind_that_there_is_not_is_named() {
    let error = complaint(r#"kind = "chat""#, r#"kind = "chant""#);
    assert!(
        error.contains("chant") && error.contains("fanout"),
        "{error}"
    );
}

#[test]
fn a_pace_that_there_is_not_is_named() {
    let error = complaint("open", "opne");
    assert!(error.contains("opne"), "{error}");
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    for (line, good, bad) in [
        ("room_size = 10", "room_size = 2", "room_size = 1"),
        ("room_size = 10", "room_size = 100000", "room_size = 100001"),
        ("rooms = 5", "rooms = 1", "rooms = 0"),
        ("rooms = 5", "rooms = 100000", "rooms = 100001"),
        (
            "connect_rate = 100",
            "connect_rate = 0.01",
            "connect_rate = 0.009",
        ),
        (
            "connect_rate = 100",
            "connect_rate = 1000000",
            "connect_rate = 1000001",
        ),
        ("{ open = 50 }", "{ open = 0.01 }", "{ open = 0 }"),
        ("{ open = 50 }", "{ open = 1 }", "{ open = nan }"),
        ("{ open = 50 }", "{ closed = 1 }", "{ closed = 0 }"),
        ("{ open = 50 }", "{ closed = 1000 }", "{ closed = 1001 }"),
        (
            "content_bytes = 64",
            "content_bytes = 5000",
            "content_bytes = 5001",
        ),
        (
            "content_bytes = 64",
            "content_bytes = 1",
            "content_bytes = 0",
        ),
        ("receipts = 0.2", "receipts = 1", "receipts = 1.1"),
        ("typing = 0.1", "typing = 0", "typing = -0.1"),
        (
            r#"duration = "5s""#,
            r#"duration = "1ms""#,
            r#"duration = "0s""#,
        ),
        (r#"grace = "10s""#, r#"grace = "24h""#, r#"grace = "1441m""#),
        (r#"warmup = "1s""#, r#"warmup = "0s""#, r#"warmup = "1d""#),
    ] {
        let read = Scenario::parse(&CHAT.replace(line, good));
        assert!(read.is_ok(), "{good}: {read:?}");
        let error = complaint(line, bad);
        let key = line.split(' ').next().unwrap_or_default();
        let key = if key == "{" { "pace" } else { key };
        assert!(error.contains(key), "{bad}: {error}");
    }
}

/// What is wrong with one that comes with it when a key is another.
fn with(file: &str, pair: &str) -> Result<Scenario, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{file}.toml"));
    Scenario::read(&path, &[pair.to_owned()]).map_err(|error| error.to_string())
}

#[test]
fn limits_of_single_kinds_are_where_they_are_said_to_be() {
    for (file, key, good, bad) in [
        ("reconnect-storm", "delay", "1ms", "0s"),
        ("reconnect-storm", "delay_max", "1ms", "0s"),
        ("reconnect-storm", "jitter", "1", "1.1"),
        ("presence-storm", "users", "50", "0"),
        ("presence-storm", "watchers", "1", "0"),
        ("presence-storm", "watched", "200", "201"),
        ("presence-storm", "change_rate", "0.01", "0"),
        ("presence-storm", "leaving", "1", "1.1"),
        ("presence-storm", "away", "24h", "25h"),
        ("slow-consumers", "slow", "1", "1.1"),
        ("tenants", "noisy_rooms", "1", "0"),
        ("tenants", "quiet_rate", "0.01", "0"),
        ("tenants", "limit", "0.01", "0"),
        ("tenants", "times", "1000", "1001"),
        ("tenants", "alone", "1ms", "0s"),
        ("tenants", "beside", "1ms", "0s"),
        ("history", "messages", "1000000", "1000001"),
        ("history", "page", "100", "101"),
    ] {
        let read = with(file, &format!("{key}={good}"));
        assert!(read.is_ok(), "{file} {key}: {read:?}");
        let error = with(file, &format!("{key}={bad}")).expect_err(key);
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}

#[test]
fn every_kind_can_be_run_by_websocket_and_by_polling() {
    for path in shipped() {
        let transport = |pairs: &[String]| Scenario::read(&path, pairs).map(|it| it.transport());
        assert_eq!(transport(&[]).ok(), Some(Transport::WebSocket));
        let polling = transport(&["transport=polling".to_owned()]);
        assert_eq!(polling.ok(), Some(Transport::Polling));
        let error = transport(&["transport=pigeons".to_owned()]).expect_err("no pigeons");
        assert!(error.to_string().contains("pigeons"), "{error}");
    }
}

#[test]
fn single_keys_are_replaced_from_the_command_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/idle.toml");
    let read = |pairs: &[&str]| {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        Scenario::read(&path, &pairs)
    };
    let Ok(Scenario::Idle(idle)) = read(&["connections=7", "hold=90s", "connect_rate = 2.5"])
    else {
        panic!("not read");
    };
    assert_eq!((idle.connections, idle.hold), (7, Duration::from_secs(90)));
    assert!((idle.connect_rate - 2.5).abs() < 1e-9);
    assert!(read(&["connections"]).is_err_and(|error| error.to_string().contains("--set")));
    assert!(read(&["conections=7"]).is_err_and(|error| error.to_string().contains("conections")));
}

proptest! {
    #[test]
    fn any_text_is_a_scenario_or_has_something_wrong(text in ".*", key in "[a-z_.]{0,9}", value in ".{0,9}") {
        let _ = Scenario::parse(&text);
        let _ = Scenario::parse(&format!("{CHAT}{key} = {value}"));
        let _ = keys::millis::parse(&text);
    }

    #[test]
    fn durations_have_units(number in 0_u64..1_000_000) {
        prop_assert_eq!(keys::millis::parse(&format!("{number}ms")), Some(Duration::from_millis(number)));
        prop_assert_eq!(keys::millis::parse(&format!("{number}s")), Some(Duration::from_secs(number)));
        prop_assert_eq!(keys::millis::parse(&number.to_string()), None);
    }
}
