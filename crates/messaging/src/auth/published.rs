//! Keys that an issuer publishes as a JSON Web Key Set (RFC 7517), and rotates.

use std::fmt;

use async_trait::async_trait;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{KeyError, wanted};

/// The public keys of a set that tokens may be signed with.
#[derive(Default)]
pub struct PublishedKeys(Vec<PublishedKey>);

struct PublishedKey {
    kid: Option<String>,
    /// Those of its own kind that are allowed: it is used with no other.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Where keys are published. A door that meets a `kid` that it does not know asks for them anew.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// Fetches the keys, unless that was done just now; returns when they are in force. On any
    /// failure the old ones stay.
    async fn refresh(&self);
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl PublishedKeys {
    /// Reads a set. Keys that no token may be signed with (for encryption, of other kinds, with
    /// mistakes in them, secret ones) are left out. `allowed` empty means every algorithm.
    ///
    /// # Errors
    ///
    /// When it is no set, or nothing of it can be used.
    pub fn parse(json: &[u8], allowed: &[String]) -> Result<Self, KeyError> {
        let set: KeySet = serde_json::from_slice(json).map_err(|_| KeyError::NoSet)?;
        let allowed: Vec<Algorithm> = wanted(allowed)?.into_iter().map(|(_, one)| one).collect();
        let read = |value: Value| PublishedKey::of(&serde_json::from_value(value).ok()?, &allowed);
        let keys: Vec<PublishedKey> = set.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() {
            return Err(KeyError::EmptySet);
        }
        Ok(Self(keys))
    }

    /// The key of a token with this `kid` and algorithm in its header. Without a `kid` it is the
    /// only one for the algorithm, if there is but one.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let fits = |one: &&PublishedKey| {
            one.algorithms.contains(&algorithm) && (kid.is_none() || one.kid.as_deref() == kid)
        };
        let mut found = self.0.iter().filter(fits);
        let first = found.next()?;
        let is_clear = kid.is_some() || found.next().is_none();
        is_clear.then_some(&first.key)
    }

    /// Whether there is a key of this `kid`, for whatever algorithm.
    pub(super) fn has(&self, kid: Option<&str>) -> bool {
        self.0.iter().any(|one| one.kid.as_deref() == kid)
    }

    /// The `kid` of each.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|one| one.kid.as_deref().unwrap_or("-"))
    }
}

impl PublishedKey {
    fn of(jwk: &Jwk, allowed: &[Algorithm]) -> Option<Self> {
        let common = &jwk.common;
        let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies =
            |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
        if !signs || !common.key_operations.as_ref().is_none_or(verifies) {
            return None;
        }
        let of_its_kind: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                &[Algorithm::ES256]
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                &[Algorithm::EdDSA]
            }
            // A secret that is published is none.
            _ => return None,
        };
        let named = common
            .key_algorithm
            .map(|one| Algorithm::try_from(one).ok());
        let may = |one: &Algorithm| {
            allowed.contains(one) && named.is_none_or(|named| named == Some(*one))
        };
        let algorithms: Vec<Algorithm> = of_its_kind.iter().copied().filter(may).collect();
        if algorithms.is_empty() {
            return None;
        }
        Some(Self {
            kid: common.key_id.clone(),
            algorithms,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    /// Points of the curves, and a modulus of 2,048 bits: what they are does not matter here.
    fn rsa(more: &Value) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode([0xc3; 256]);
        with(json!({"kty": "RSA", "n": modulus, "e": "AQAB"}), more)
    }

    fn ec(more: &Value) -> Value {
        let half = URL_SAFE_NO_PAD.encode([7; 32]);
        with(
            json!({"kty": "EC", "crv": "P-256", "x": half, "y": half}),
            more,
        )
    }

    fn ed(more: &Value) -> Value {
        let point = URL_SAFE_NO_PAD.encode([7; 32]);
        with(json!({"kty": "OKP", "crv": "Ed25519", "x": point}), more)
    }

    fn with(mut key: Value, more: &Value) -> Value {
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    fn parse(keys: &[Value]) -> Result<PublishedKeys, KeyError> {
        PublishedKeys::parse(json!({ "keys": keys }).to_string().as_bytes(), &[])
    }

    fn algorithms(key: Value) -> Vec<Algorithm> {
        parse(&[key]).map_or(Vec::new(), |keys| keys.0[0].algorithms.clone())
    }

    #[test]
    fn a_key_is_used_with_the_algorithms_of_its_kind_alone() {
        use Algorithm::{ES256, EdDSA, PS256, RS256};
        assert_eq!(algorithms(rsa(&json!({}))), [RS256, PS256]);
        assert_eq!(
            algorithms(rsa(&json!({"alg": "PS256", "use": "sig"}))),
            [PS256]
        );
        assert_eq!(algorithms(ec(&json!({"key_ops": ["verify"]}))), [ES256]);
        assert_eq!(algorithms(ed(&json!({"alg": "EdDSA"}))), [EdDSA]);
        // It says of itself what it cannot be.
        for alg in ["HS256", "ES256", "RS512", "RSA-OAEP", "none", ""] {
            assert_eq!(algorithms(rsa(&json!({"alg": alg}))), [], "{alg}");
        }
        assert_eq!(algorithms(ec(&json!({"crv": "P-384"}))), []);
        assert_eq!(algorithms(ed(&json!({"crv": "X25519"}))), []);
    }

    #[test]
    fn secrets_and_keys_for_other_uses_are_left_out() {
        let useless = [
            json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}),
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
            rsa(&json!({"use": "enc"})),
            rsa(&json!({"key_ops": ["encrypt"]})),
            json!({"kty": "new"}),
            json!("key"),
        ];
        let empty = || Some(KeyError::EmptySet);
        assert_eq!(parse(&useless).err(), empty());
        assert_eq!(parse(&[]).err(), empty());
        let mut all = useless.to_vec();
        all.push(rsa(&json!({"kid": "good"})));
        assert_eq!(parse(&all).unwrap().ids().collect::<Vec<_>>(), ["good"]);
        for junk in ["", "[]", "{}", "{\"keys\": 1}", "<html>"] {
            let read = PublishedKeys::parse(junk.as_bytes(), &[]);
            assert_eq!(read.err(), Some(KeyError::NoSet), "{junk}");
        }
    }

    #[test]
    fn only_allowed_algorithms_count() {
        let set = json!({"keys": [rsa(&json!({})), ec(&json!({}))]}).to_string();
        let keys = PublishedKeys::parse(set.as_bytes(), &["ES256".to_owned()]).unwrap();
        assert!(keys.find(None, Algorithm::ES256).is_some());
        assert!(keys.find(None, Algorithm::RS256).is_none());
        let none = PublishedKeys::parse(set.as_bytes(), &["HS256".to_owned()]);
        assert_eq!(none.err(), Some(KeyError::EmptySet));
    }

    #[test]
    fn a_key_is_found_by_its_id_or_when_there_is_no_other() {
        let keys = parse(&[
            rsa(&json!({"kid": "r1"})),
            rsa(&json!({"kid": "r2"})),
            ec(&json!({"kid": "e1"})),
        ]);
        let keys = keys.unwrap();
        let finds = |kid, algorithm| keys.find(kid, algorithm).is_some();
        assert!(finds(Some("r1"), Algorithm::RS256) && finds(Some("r2"), Algorithm::PS256));
        assert!(!finds(Some("r1"), Algorithm::ES256) && !finds(Some("e1"), Algorithm::RS256));
        assert!(!finds(Some("r1"), Algorithm::HS256));
        assert!(!finds(Some("r3"), Algorithm::RS256));
        assert!(finds(None, Algorithm::ES256));
        assert!(!finds(None, Algorithm::RS256), "which of the two?");
    }

    proptest! {
        #[test]
        fn whatever_is_published_is_understood_or_refused(text in "\\PC*|\\{\"keys\":\\[\\{[a-z0-9\":,]{0,40}\\}\\]\\}") {
            let _ = PublishedKeys::parse(text.as_bytes(), &[]);
        }
    }
}
