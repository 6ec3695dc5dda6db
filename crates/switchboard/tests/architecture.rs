//! Which crate may know which. The arrows are the architecture: `docs/architecture.md` draws them, and
//! this holds them.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::process::Command;

use serde_json::{Value, json};

/// Every crate of ours, and those of ours that it may depend on.
const ARROWS: [(&str, &[&str]); 15] = [
    ("protocol", &[]),
    ("socketio", &[]),
    ("trace", &[]),
    ("telemetry", &["trace"]),
    ("config", &[]),
    ("testkit", &[]),
    ("verify", &[]), // judges the others, and so shares nothing with them
    ("load", &[]),   // measures any server with the same events, and so knows nothing of ours
    ("messaging", &["protocol", "trace"]),
    ("store", &["messaging", "protocol", "trace"]),
    ("hub", &["messaging", "protocol", "trace"]),
    ("gateway", &["messaging", "protocol", "socketio", "trace"]),
    ("forward", &["messaging", "protocol", "socketio"]),
    ("api", &["messaging", "protocol", "telemetry"]),
    (
        "switchboard",
        &[
            "api",
            "config",
            "forward",
            "gateway",
            "hub",
            "messaging",
            "protocol",
            "socketio",
            "store",
            "telemetry",
            "trace",
            "verify",
        ],
    ),
];

/// Libraries that may be exchanged one day, and who alone knows them.
const KEPT_INSIDE: [(&str, &[&str]); 4] = [
    ("sqlx", &["store", "testkit"]), // the testkit creates the tests' databases
    ("fred", &["hub"]),
    ("opentelemetry", &["telemetry"]),
    // Servers; clients between nodes; and what measures them, as a client by long-polling.
    ("hyper", &["socketio", "forward", "load"]),
];

/// Whose tests may put `store` and `hub` together, as the binary does; nothing ships with them.
const IN_TESTS_WITH_REAL_PARTS: &[&str] = &["gateway", "api"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

#[derive(Clone, Debug)]
struct Edge {
    from: String,
    to: String,
    kind: Kind,
}

/// What is wrong with an edge; `None` if nothing is.
fn objection(edge: &Edge) -> Option<String> {
    let Edge { from, to, kind } = edge;
    let Some((_, may_know)) = ARROWS.iter().find(|(name, _)| name == from) else {
        return Some(format!(
            "`{from}` is new: say in ARROWS what it may depend on"
        ));
    };
    if let Some((library, known_to)) = KEPT_INSIDE.iter().find(|(library, _)| library == to) {
        return (!known_to.contains(&from.as_str())).then(|| {
            let known_to = known_to.join("` and `");
            format!("`{from}` depends on `{library}`, which only `{known_to}` may know")
        });
    }
    let is_ours = ARROWS.iter().any(|(name, _)| name == to);
    if !is_ours || may_know.contains(&to.as_str()) {
        return None;
    }
    match (to.as_str(), kind) {
        ("testkit", Kind::Dev) => None,
        ("store" | "hub", Kind::Dev) if IN_TESTS_WITH_REAL_PARTS.contains(&from.as_str()) => None,
        ("testkit", Kind::Normal) => Some(format!(
            "`{from}` depends on `testkit`, which is for [dev-dependencies] only"
        )),
        _ => Some(format!(
            "`{from}` depends on `{to}`, but may depend on no crate of ours except {may_know:?}"
        )),
    }
}

fn objections(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(objection).collect()
}

/// The edges that `cargo metadata --no-deps` lists. Build scripts count as the crate itself.
fn edges(metadata: &Value) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            edges.push(Edge {
                from: short(&package["name"]),
                to: short(&dependency["name"]),
                kind: if dependency["kind"] == "dev" {
                    Kind::Dev
                } else {
                    Kind::Normal
                },
            });
        }
    }
    edges
}

/// `store` for `switchboard-store`.
fn short(name: &Value) -> String {
    let name = name.as_str().unwrap();
    name.strip_prefix("switchboard-").unwrap_or(name).to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_crates_know_only_whom_they_may_know() {
    let edges = edges(&metadata());
    let seen = |from: &str, to: &str| edges.iter().any(|edge| edge.from == from && edge.to == to);
    assert!(
        seen("messaging", "protocol"),
        "the edges were not read: {edges:?}"
    );

    let objections = objections(&edges);
    assert!(
        objections.is_empty(),
        "\n\nThe architecture forbids:\n  - {}\n\nMove the code to where it may know this, or change \
         ARROWS in {} with an ADR.\n",
        objections.join("\n  - "),
        file!(),
    );
}

#[test]
fn every_arrow_is_about_a_crate_that_there_is() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<String> = packages
        .iter()
        .map(|package| short(&package["name"]))
        .collect();
    for (name, _) in ARROWS {
        assert!(
            names.iter().any(|known| known == name),
            "ARROWS speaks of `{name}`"
        );
    }
    assert_eq!(
        names.len(),
        ARROWS.len(),
        "a crate is missing in ARROWS: {names:?}"
    );
}

/// What [`objections`] says of one made-up dependency.
fn verdict(from: &str, to: &str, kind: &Value) -> Vec<String> {
    let dependency = json!({ "name": to, "kind": kind });
    let package = json!({ "name": from, "dependencies": [dependency] });
    objections(&edges(&json!({ "packages": [package] })))
}

#[test]
fn a_forbidden_edge_is_named() {
    assert_eq!(
        verdict("switchboard-messaging", "switchboard-store", &Value::Null),
        [
            r#"`messaging` depends on `store`, but may depend on no crate of ours except ["protocol", "trace"]"#
        ]
    );
    assert_eq!(
        verdict("switchboard-api", "sqlx", &Value::Null),
        ["`api` depends on `sqlx`, which only `store` and `testkit` may know"]
    );
    assert_eq!(
        verdict("switchboard-api", "switchboard-socketio", &Value::Null).len(),
        1
    );
    assert_eq!(
        verdict("switchboard-gateway", "fred", &json!("dev")).len(),
        1
    );
    assert_eq!(
        verdict("switchboard-hub", "hyper", &json!("build")).len(),
        1
    );
}

#[test]
fn the_tests_of_a_door_may_open_it_on_real_parts_and_the_door_itself_may_not() {
    assert!(verdict("switchboard-api", "switchboard-store", &json!("dev")).is_empty());
    assert_eq!(
        verdict("switchboard-api", "switchboard-store", &Value::Null).len(),
        1
    );
    assert_eq!(
        verdict("switchboard-messaging", "switchboard-store", &json!("dev")).len(),
        1
    );
}

#[test]
fn the_testkit_is_for_tests() {
    assert!(verdict("switchboard-store", "switchboard-testkit", &json!("dev")).is_empty());
    assert_eq!(
        verdict("switchboard-store", "switchboard-testkit", &Value::Null),
        ["`store` depends on `testkit`, which is for [dev-dependencies] only"]
    );
}

#[test]
fn a_new_crate_must_say_what_it_may_know() {
    assert_eq!(
        verdict("switchboard-jobs", "tokio", &Value::Null),
        ["`jobs` is new: say in ARROWS what it may depend on"]
    );
}

#[test]
fn other_peoples_crates_are_free_to_use() {
    assert!(verdict("switchboard-protocol", "serde", &Value::Null).is_empty());
    assert!(verdict("switchboard-store", "sqlx", &Value::Null).is_empty());
}
