//! What the values must be to one another.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what it is for"
)]

use std::io::Write as _;

use rstest::rstest;
use switchboard_config::{ConfigErrors, Loaded, Settings};
use tempfile::NamedTempFile;

const SECRET: &str = "0123456789abcdef0123456789abcdef"; // 32 bytes

/// Loads from variables, without the `SWITCHBOARD__` that they all begin with.
fn load(variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let variables = variables
        .iter()
        .map(|(k, v)| (format!("SWITCHBOARD__{k}"), (*v).to_owned()));
    Settings::load(None, variables)
}

fn reasons(variables: &[(&str, &str)]) -> Vec<String> {
    match load(variables) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .mistakes()
            .iter()
            .map(|m| format!("{}: {}", m.key, m.reason))
            .collect(),
    }
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    load(variables)
        .unwrap()
        .warnings
        .into_iter()
        .map(|warning| warning.key)
        .collect()
}

fn key_file() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"-----BEGIN PUBLIC KEY-----\n").unwrap();
    file
}

#[test]
fn production_with_a_secret_is_accepted_and_allows_only_its_own_origin() {
    let production = [("ENVIRONMENT", "production"), ("AUTH__SECRET", SECRET)];
    let Loaded {
        settings, warnings, ..
    } = load(&production).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.http.allowed_origins, []);
}

#[test]
fn production_refuses_the_development_key() {
    let reasons = reasons(&[("ENVIRONMENT", "production")]);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(
        reasons[0].starts_with("auth.secret: the generated development key"),
        "{reasons:?}"
    );
}

#[test]
fn production_refuses_any_origin() {
    let with = |origins| {
        reasons(&[
            ("ENVIRONMENT", "production"),
            ("AUTH__SECRET", SECRET),
            ("HTTP__ALLOWED_ORIGINS", origins),
        ])
    };
    assert!(with("https://a.example,*")[0].starts_with("http.allowed_origins: `*` is refused"));
    assert_eq!(with("https://*.example.com"), [""; 0]);
}

#[test]
fn production_refuses_a_cluster_secret_of_31_bytes_and_takes_one_of_32() {
    let with = |secret| {
        reasons(&[
            ("ENVIRONMENT", "production"),
            ("AUTH__SECRET", SECRET),
            ("ADMIN__CLUSTER_SECRET", secret),
        ])
    };
    assert_eq!(with(SECRET), [""; 0]);
    assert_eq!(
        with(&SECRET[1..]),
        ["admin.cluster_secret: has 31 bytes, fewer than 32"]
    );
}

#[test]
fn production_refuses_a_secret_of_31_bytes_and_takes_one_of_32() {
    let with = |secret| reasons(&[("ENVIRONMENT", "production"), ("AUTH__SECRET", secret)]);
    assert_eq!(with(SECRET), [""; 0]);
    assert_eq!(
        with(&SECRET[1..]),
        ["auth.secret: has 31 bytes, fewer than 32"]
    );
}

#[test]
fn development_warns_of_a_secret_of_31_bytes_and_not_of_one_of_32() {
    assert_eq!(warnings(&[("AUTH__SECRET", SECRET)]), [""; 0]);
    assert_eq!(warnings(&[("AUTH__SECRET", &SECRET[1..])]), ["auth.secret"]);
}

#[rstest]
#[case::generated_key("HS256", false, false, None)]
#[case::secret("HS256,HS512", true, false, None)]
#[case::public_key("RS256,PS256", false, true, None)]
#[case::both("HS256,EdDSA", true, true, None)]
#[case::hmac_of_every_length("HS256,HS384,HS512", true, false, None)]
#[case::empty_and_no_key("[]", false, false, None)]
#[case::empty_and_a_secret("[]", true, false, None)]
#[case::empty_and_a_public_key("[]", false, true, None)]
#[case::empty_and_both("[]", true, true, None)]
#[case::no_public_key("ES256", false, false, Some("ES256 needs auth.public_key_file"))]
#[case::no_public_key_beside("HS256,ES256", true, false, Some("ES256 needs auth.public_key_file"))]
#[case::no_secret("HS384,RS256", false, true, Some("HS384 needs auth.secret"))]
#[case::unused_secret("RS256", true, true, Some("no HS… algorithm"))]
#[case::unused_public_key("HS256", true, true, Some("auth.public_key_file is set, but none"))]
#[case::two_families("RS256,ES256", false, true, Some("cannot serve both RS256 and ES256"))]
fn every_algorithm_has_a_key_and_every_key_an_algorithm(
    #[case] algorithms: &str,
    #[case] secret: bool,
    #[case] public_key: bool,
    #[case] mistake: Option<&str>,
) {
    let file = key_file();
    let path = file.path().to_str().unwrap();
    let variables = [
        ("AUTH__ALGORITHMS", algorithms),
        ("AUTH__SECRET", if secret { SECRET } else { "" }),
        ("AUTH__PUBLIC_KEY_FILE", if public_key { path } else { "" }),
    ];
    let reasons = reasons(&variables);
    match mistake {
        None => assert_eq!(reasons, [""; 0]),
        Some(mistake) => {
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            assert!(reasons[0].starts_with("auth.algorithms: "), "{reasons:?}");
            assert!(reasons[0].contains(mistake), "{reasons:?}");
        }
    }
}

#[test]
fn a_public_key_file_that_cannot_be_read_is_a_mistake() {
    let reasons = reasons(&[
        ("AUTH__ALGORITHMS", "RS256"),
        ("AUTH__PUBLIC_KEY_FILE", "/nonexistent/key.pem"),
    ]);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(
        reasons[0].starts_with("auth.public_key_file: cannot read"),
        "{reasons:?}"
    );
}

#[rstest]
#[case::same("127.0.0.1:8080", "127.0.0.1:8080", true)]
#[case::covered("0.0.0.0:8080", "127.0.0.1:8080", true)]
#[case::other_port("127.0.0.1:8080", "127.0.0.1:8081", false)]
#[case::other_address("127.0.0.1:8080", "127.0.0.2:8080", false)]
#[case::chosen_by_the_system("127.0.0.1:0", "127.0.0.1:0", false)]
fn the_two_listeners_do_not_collide(#[case] http: &str, #[case] admin: &str, #[case] bad: bool) {
    let reasons = reasons(&[("HTTP__LISTEN", http), ("ADMIN__LISTEN", admin)]);
    let collides = reasons
        .iter()
        .any(|reason| reason.starts_with("admin.listen: "));
    assert_eq!(collides, bad, "{reasons:?}");
}

#[test]
fn an_admin_listener_that_others_can_reach_is_worth_a_warning() {
    assert_eq!(
        warnings(&[("ADMIN__LISTEN", "0.0.0.0:9090")]),
        ["admin.listen"]
    );
    assert_eq!(warnings(&[("ADMIN__LISTEN", "[::1]:9090")]), [""; 0]);
}

#[test]
fn several_nodes_on_sqlite_are_worth_a_warning() {
    let cluster = [REDIS, ("AUTH__SECRET", SECRET)];
    assert_eq!(warnings(&cluster), ["database.url"]);
    let [redis, secret] = cluster;
    assert_eq!(warnings(&[redis, secret, POSTGRES]), [""; 0]);
}

const REDIS: (&str, &str) = ("REDIS__URL", "redis://h:6379");
const POSTGRES: (&str, &str) = ("DATABASE__URL", "postgres://h/sb");

/// The keys that a cluster with these variables is warned of, without those of other rules.
fn forwarding_warnings(variables: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![REDIS, POSTGRES];
    all.extend(variables);
    let mut keys = warnings(&all);
    keys.retain(|key| key != "admin.listen");
    keys
}

#[test]
fn a_cluster_without_any_secret_is_warned_that_it_does_not_forward() {
    let own = ("ADMIN__CLUSTER_SECRET", SECRET);
    assert_eq!(forwarding_warnings(&[]), ["admin.cluster_secret"]);
    assert_eq!(forwarding_warnings(&[own]), [""; 0]);
    assert_eq!(forwarding_warnings(&[("AUTH__SECRET", SECRET)]), [""; 0]);
    assert_eq!(warnings(&[]), [""; 0], "a node that is alone needs nothing");
}

#[test]
fn a_node_that_does_not_know_how_others_reach_it_is_warned() {
    let secret = ("AUTH__SECRET", SECRET);
    let advertise = ("ADMIN__ADVERTISE", "http://10.0.0.7:9090");
    let production = ("ENVIRONMENT", "production");
    let with = |more: &[(&str, &str)]| forwarding_warnings(&[&[secret], more].concat());
    for everywhere in ["0.0.0.0:9090", "[::]:9090"] {
        let listen = ("ADMIN__LISTEN", everywhere);
        assert_eq!(with(&[listen]), ["admin.advertise"]);
        assert_eq!(with(&[listen, advertise]), [""; 0]);
    }
    assert_eq!(with(&[("ADMIN__LISTEN", "10.0.0.7:9090")]), [""; 0]);
    // Several nodes on one machine are for trying things out.
    assert_eq!(with(&[]), [""; 0]);
    assert_eq!(with(&[production]), ["admin.advertise"]);
    assert_eq!(with(&[production, advertise]), [""; 0]);
}

#[test]
fn tokens_in_urls_are_worth_a_warning_in_production() {
    let always = ("AUTH__ALLOW_QUERY_TOKEN", "always");
    assert_eq!(warnings(&[always]), [""; 0]);
    let production = [
        ("ENVIRONMENT", "production"),
        ("AUTH__SECRET", SECRET),
        always,
    ];
    assert_eq!(warnings(&production), ["auth.allow_query_token"]);
}

#[rstest]
#[case("redis://h:6379/0", true)]
#[case("rediss://h:6379/0", true)]
#[case(
    "redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main",
    true
)]
#[case("redis-cluster://h1:7000?node=h2:7001", true)]
#[case("http://h:6379", false)]
#[case("h:6379", false)]
fn redis_has_four_schemes(#[case] url: &str, #[case] fits: bool) {
    let reasons = reasons(&[("REDIS__URL", url), ("DATABASE__URL", "postgres://h/sb")]);
    assert_eq!(reasons.is_empty(), fits, "{reasons:?}");
}

#[rstest]
#[case::ca_without_tls("redis://h", "CA", "redis.tls_ca_file: has no use without")]
#[case::cert_without_key("rediss://h", "CERT", "redis.tls_cert_file: needs redis.tls_key_file")]
#[case::key_without_cert(
    "rediss-cluster://h",
    "KEY",
    "redis.tls_key_file: needs redis.tls_cert"
)]
fn a_tls_file_of_redis_that_has_no_use_is_a_mistake(
    #[case] url: &str,
    #[case] which: &str,
    #[case] reason: &str,
) {
    let file = key_file();
    let variable = format!("REDIS__TLS_{which}_FILE");
    let path = file.path().to_str().unwrap();
    let reasons = reasons(&[("REDIS__URL", url), (&variable, path)]);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].starts_with(reason), "{reasons:?}");
}

#[rstest]
#[case::cert_without_key("CERT", "http.tls_cert_file: needs http.tls_key_file")]
#[case::key_without_cert("KEY", "http.tls_key_file: needs http.tls_cert_file")]
fn a_certificate_and_its_key_come_together(#[case] which: &str, #[case] reason: &str) {
    let file = key_file();
    let variable = format!("HTTP__TLS_{which}_FILE");
    let path = file.path().to_str().unwrap();
    assert_eq!(reasons(&[(&variable, path)]), [reason]);
}

#[test]
fn tls_files_of_the_public_listener_are_looked_for() {
    let file = key_file();
    let path = file.path().to_str().unwrap();
    let with = |cert: &str, key: &str| {
        reasons(&[("HTTP__TLS_CERT_FILE", cert), ("HTTP__TLS_KEY_FILE", key)])
    };
    assert_eq!(with(path, path), [""; 0]);
    for (missing, key) in [
        (with("/nowhere/tls.crt", path), "http.tls_cert_file"),
        (with(path, "/nowhere/tls.crt"), "http.tls_key_file"),
    ] {
        assert_eq!(missing.len(), 1, "{missing:?}");
        let reason = format!("{key}: cannot read `/nowhere/tls.crt`: No such file");
        assert!(missing[0].starts_with(&reason), "{missing:?}");
    }
}

#[test]
fn tls_files_of_redis_are_looked_for() {
    let file = key_file();
    let path = file.path().to_str().unwrap();
    let all = [
        ("REDIS__URL", "rediss-sentinel://h?sentinelServiceName=main"),
        ("REDIS__TLS_CA_FILE", path),
        ("REDIS__TLS_CERT_FILE", path),
        ("REDIS__TLS_KEY_FILE", path),
    ];
    assert_eq!(reasons(&all), [""; 0]);
    let mut missing = all;
    missing[1].1 = "/nowhere/ca.crt";
    let reasons = reasons(&missing);
    assert!(
        reasons[0].starts_with("redis.tls_ca_file: cannot read `/nowhere/ca.crt`"),
        "{reasons:?}"
    );
}

#[test]
fn credentials_of_sentinels_need_sentinels() {
    let password = ("REDIS__SENTINEL_PASSWORD", "hunter2");
    let refused = reasons(&[("REDIS__URL", "redis://h"), password]);
    assert_eq!(
        refused,
        ["redis.sentinel_password: has no use without a redis.url of sentinels"]
    );
    let url = "redis-sentinel://h?sentinelServiceName=main";
    assert_eq!(reasons(&[("REDIS__URL", url), password]), [""; 0]);
}
