use super::*;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/", $name))
    };
}

fn claims() -> Value {
    json!({"sub": "alice", "org": "acme", "exp": NOW + 60, "roles": ["operator"], "jti": "t1"})
}

fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, &EncodingKey::from_secret(SECRET), claims)
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims();
    change(&mut claims);
    hs256(&claims)
}

fn verifier(options: AuthOptions) -> Verifier {
    Verifier::new(KeyRing::new(Some(SECRET), None, &[]).unwrap(), options)
}

fn verify(token: &str) -> Result<Actor, AuthFailure> {
    verifier(AuthOptions::default()).verify(token, Timestamp::from_millis(NOW * 1000))
}

#[test]
fn a_good_token_says_who_it_is() {
    let actor = verify(&hs256(&claims())).unwrap();
    assert_eq!(actor.viewer.user.as_str(), "alice");
    assert_eq!(actor.viewer.organization.as_str(), "acme");
    assert!(actor.roles.contains("operator"));
    assert_eq!(actor.expires_at, Timestamp::from_millis((NOW + 60) * 1000));
    assert_eq!(actor.issued_at, None);
    let issued = verify(&with(|c| c["iat"] = json!(NOW - 1)))
        .unwrap()
        .issued_at;
    assert_eq!(issued, Some(Timestamp::from_millis((NOW - 1) * 1000)));
    assert!(verify(&format!("Bearer {}", hs256(&claims()))).is_ok());
}

#[test]
fn a_token_is_good_until_its_exp_and_no_longer() {
    assert!(verify(&with(|c| c["exp"] = json!(NOW + 1))).is_ok());
    assert_eq!(
        verify(&with(|c| c["exp"] = json!(NOW))),
        Err(AuthFailure::Expired)
    );
    let without = with(|c| drop(c.as_object_mut().unwrap().remove("exp")));
    assert_eq!(verify(&without), Err(AuthFailure::Claims));
}

#[test]
fn an_exp_in_the_far_future_can_still_be_told() {
    for exp in [1e12, 1e300] {
        let actor = verify(&with(|c| c["exp"] = json!(exp))).unwrap();
        assert_eq!(actor.expires_at.to_string(), "9999-12-31T23:59:59.999Z");
    }
}

#[test]
fn a_token_is_not_good_before_its_nbf() {
    assert!(verify(&with(|c| c["nbf"] = json!(NOW))).is_ok());
    assert_eq!(
        verify(&with(|c| c["nbf"] = json!(NOW + 1))),
        Err(AuthFailure::NotYet)
    );
    assert_eq!(
        verify(&with(|c| c["nbf"] = json!("soon"))),
        Err(AuthFailure::Claims)
    );
}

#[test]
fn a_token_with_a_bad_signature_or_without_one_is_refused() {
    let other = EncodingKey::from_secret(b"another secret");
    let forged = signed(Algorithm::HS256, &other, &claims());
    assert_eq!(verify(&forged), Err(AuthFailure::Invalid));
    // {"alg":"none","typ":"JWT"}
    let body = hs256(&claims()).split('.').nth(1).unwrap().to_owned();
    for none in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOb05FIn0"] {
        assert_eq!(
            verify(&format!("{none}.{body}.")),
            Err(AuthFailure::Invalid)
        );
    }
    for junk in ["x", "a.b.c", "..", "\u{0}"] {
        assert_eq!(verify(junk), Err(AuthFailure::Invalid), "{junk:?}");
    }
    assert_eq!(verify(""), Err(AuthFailure::Missing));
}

#[test]
fn issuer_and_audience_count_when_configured() {
    let options = AuthOptions {
        issuers: vec!["https://id".to_owned()],
        audiences: vec!["chat".to_owned(), "calls".to_owned()],
        ..AuthOptions::default()
    };
    let judge = verifier(options);
    let at = Timestamp::from_millis(NOW * 1000);
    let token = |iss: &str, aud: Value| with(|c| (c["iss"], c["aud"]) = (json!(iss), aud));
    assert!(
        judge
            .verify(&token("https://id", json!("chat")), at)
            .is_ok()
    );
    assert!(
        judge
            .verify(&token("https://id", json!(["x", "chat"])), at)
            .is_ok()
    );
    let wrong = judge.verify(&token("https://evil", json!("chat")), at);
    assert_eq!(wrong, Err(AuthFailure::Issuer));
    let wrong = judge.verify(&token("https://id", json!(["x"])), at);
    assert_eq!(wrong, Err(AuthFailure::Audience));
}

#[test]
fn an_organization_must_come_from_the_token_or_the_default() {
    let without = with(|c| drop(c.as_object_mut().unwrap().remove("org")));
    assert_eq!(verify(&without), Err(AuthFailure::Claims));
    let home = OrganizationId::new("home").ok();
    let judge = verifier(AuthOptions {
        default_org: home.clone(),
        ..AuthOptions::default()
    });
    let at = Timestamp::from_millis(NOW * 1000);
    assert_eq!(
        judge
            .verify(&without, at)
            .ok()
            .map(|a| a.viewer.organization),
        home
    );
    // One that is there but is no organization id does not fall back to the default.
    let odd = with(|c| c["org"] = json!("a/b"));
    assert_eq!(judge.verify(&odd, at), Err(AuthFailure::Claims));
}

#[test]
fn public_keys_of_every_kind_verify_their_own_algorithms() {
    let at = Timestamp::from_millis(NOW * 1000);
    let cases: [(Algorithm, EncodingKey, &[u8]); 4] = [
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(pem!("rsa.key.pem")).unwrap(),
            pem!("rsa.pub.pem"),
        ),
        (
            Algorithm::PS256,
            EncodingKey::from_rsa_pem(pem!("rsa.key.pem")).unwrap(),
            pem!("rsa.pub.pem"),
        ),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(pem!("ec.key.pem")).unwrap(),
            pem!("ec.pub.pem"),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(pem!("ed.key.pem")).unwrap(),
            pem!("ed.pub.pem"),
        ),
    ];
    for (algorithm, key, public) in cases {
        let ring = KeyRing::new(None, Some(public), &[]).unwrap();
        let judge = Verifier::new(ring, AuthOptions::default());
        let token = signed(algorithm, &key, &claims());
        assert!(judge.verify(&token, at).is_ok(), "{algorithm:?}");
        // The public key, which anybody may have, is no HMAC secret.
        let forged = signed(
            Algorithm::HS256,
            &EncodingKey::from_secret(public),
            &claims(),
        );
        assert_eq!(
            judge.verify(&forged, at),
            Err(AuthFailure::Invalid),
            "{algorithm:?}"
        );
    }
}

#[test]
fn only_allowed_algorithms_are_taken() {
    let only = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        KeyRing::new(Some(SECRET), None, &names)
    };
    let judge = Verifier::new(only(&["HS512"]).unwrap(), AuthOptions::default());
    let at = Timestamp::from_millis(NOW * 1000);
    assert_eq!(
        judge.verify(&hs256(&claims()), at),
        Err(AuthFailure::Invalid)
    );
    assert_eq!(
        only(&["RS256"]).err(),
        Some(KeyError::NoKey("RS256".to_owned()))
    );
    assert_eq!(
        only(&["none"]).err(),
        Some(KeyError::Algorithm("none".to_owned()))
    );
    assert_eq!(
        KeyRing::new(None, Some(b"x"), &[]).err(),
        Some(KeyError::Pem)
    );
}

#[test]
fn what_the_signer_signs_the_verifier_believes() {
    let options = AuthOptions {
        issuers: vec!["https://id".to_owned()],
        audiences: vec!["chat".to_owned()],
        org_claim: "tenant".to_owned(),
        ..AuthOptions::default()
    };
    let now = Timestamp::from_millis(NOW * 1000);
    let signer = Signer::new(SECRET, &["HS512".to_owned()], options.clone());
    let (user, org) = (
        UserId::new("bob").unwrap(),
        OrganizationId::new("acme").unwrap(),
    );
    let ttl = std::time::Duration::from_mins(1);
    let token = signer
        .sign(&user, &org, &["operator".to_owned()], (now, ttl))
        .unwrap();
    let actor = verifier(options).verify(&token, now).unwrap();
    assert_eq!((actor.viewer.user, actor.viewer.organization), (user, org));
    assert!(actor.roles.contains("operator"));
}

/// A set with the public half of the test's keys, as an issuer publishes it.
fn published(name: &str, kid: &str) -> Value {
    let sets: Value = serde_json::from_slice(pem!("public.jwks.json")).unwrap();
    let key = sets["keys"].as_array().unwrap().iter();
    let mut key = key.clone().find(|key| key["kid"] == name).unwrap().clone();
    key["kid"] = kid.into();
    key
}

fn set(keys: &[Value]) -> PublishedKeys {
    let set = json!({ "keys": keys }).to_string();
    PublishedKeys::parse(set.as_bytes(), &[]).unwrap()
}

fn signed_as(algorithm: Algorithm, kid: &str, key: &EncodingKey) -> String {
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(algorithm)
    };
    jsonwebtoken::encode(&header, &claims(), key).unwrap()
}

#[test]
fn published_keys_of_every_kind_verify_tokens_that_name_them() {
    let at = Timestamp::from_millis(NOW * 1000);
    let cases = [
        (
            "rsa",
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(pem!("rsa.key.pem")),
        ),
        (
            "rsa",
            Algorithm::PS256,
            EncodingKey::from_rsa_pem(pem!("rsa.key.pem")),
        ),
        (
            "ec",
            Algorithm::ES256,
            EncodingKey::from_ec_pem(pem!("ec.key.pem")),
        ),
        (
            "ed",
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(pem!("ed.key.pem")),
        ),
    ];
    for (name, algorithm, key) in cases {
        let key = key.unwrap();
        let keys = Live::new(set(&[published(name, "k1")]));
        let ring = KeyRing::beside_published(Some(SECRET), None, &[]).unwrap();
        let judge = Verifier::new(ring, AuthOptions::default()).with_published(keys.clone());
        let verify = |token: &str| judge.verify(token, at).map(drop);
        assert_eq!(
            verify(&signed_as(algorithm, "k1", &key)),
            Ok(()),
            "{algorithm:?}"
        );
        assert_eq!(
            verify(&signed(algorithm, &key, &claims())),
            Ok(()),
            "{algorithm:?}"
        );
        let unknown = signed_as(algorithm, "k2", &key);
        assert_eq!(verify(&unknown), Err(AuthFailure::UnknownKey));
        // The issuer has rotated.
        keys.set(set(&[published(name, "k2")]));
        assert_eq!(verify(&unknown), Ok(()));
        let old = signed_as(algorithm, "k1", &key);
        assert_eq!(verify(&old), Err(AuthFailure::UnknownKey));
    }
}

#[test]
fn a_published_key_is_no_secret_and_the_secret_stays_what_it_is() {
    let at = Timestamp::from_millis(NOW * 1000);
    let keys = Live::new(set(&[published("rsa", "k1")]));
    let ring = KeyRing::beside_published(Some(SECRET), None, &[]).unwrap();
    let judge = Verifier::new(ring, AuthOptions::default()).with_published(keys);
    let secret = EncodingKey::from_secret(SECRET);
    assert!(
        judge
            .verify(&signed_as(Algorithm::HS256, "k1", &secret), at)
            .is_ok()
    );
    for public in [pem!("rsa.pub.pem").as_slice(), pem!("public.jwks.json")] {
        let forged = EncodingKey::from_secret(public);
        let token = signed_as(Algorithm::HS256, "k1", &forged);
        assert_eq!(judge.verify(&token, at), Err(AuthFailure::Invalid));
    }
    let other = EncodingKey::from_ec_pem(pem!("ec.key.pem")).unwrap();
    let token = signed_as(Algorithm::ES256, "k1", &other);
    assert_eq!(judge.verify(&token, at), Err(AuthFailure::Invalid));
}
