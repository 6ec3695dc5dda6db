//! The keys that tokens may be signed with.

use std::fmt;

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

/// Why a key or an algorithm cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither an RSA, a P-256 nor an Ed25519 public key.
    #[error("not a PEM public key of RSA, EC (P-256) or Ed25519")]
    Pem,
    /// A name that is no algorithm.
    #[error("{0} is not one of HS256, HS384, HS512, RS256, PS256, ES256, EdDSA")]
    Algorithm(String),
    /// An algorithm for which no key is there.
    #[error("{0} is allowed, but there is no key for it")]
    NoKey(String),
    /// Not a JSON Web Key Set.
    #[error("not a JSON Web Key Set")]
    NoSet,
    /// A set without a key that tokens may be signed with.
    #[error("the key set has no public key for signatures with an allowed algorithm")]
    EmptySet,
}

/// Keys and the algorithms that each may be used with. A key is only ever used with algorithms of
/// its own family: a public key never becomes an HMAC secret.
pub struct KeyRing {
    entries: Vec<(Algorithm, DecodingKey)>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.entries.iter().map(|(algorithm, _)| algorithm);
        f.debug_list().entries(algorithms).finish()
    }
}

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("HS256", Algorithm::HS256),
    ("HS384", Algorithm::HS384),
    ("HS512", Algorithm::HS512),
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("EdDSA", Algorithm::EdDSA),
];

impl KeyRing {
    /// A ring with an HMAC secret, a PEM public key, or both. `allowed` empty means every
    /// algorithm that there is a key for.
    pub fn new(
        secret: Option<&[u8]>,
        public_key: Option<&[u8]>,
        allowed: &[String],
    ) -> Result<Self, KeyError> {
        Self::of(secret, public_key, (allowed, |_| false))
    }

    /// As [`new`](Self::new), beside published keys: for algorithms of public keys there need be
    /// none here.
    pub fn beside_published(
        secret: Option<&[u8]>,
        public_key: Option<&[u8]>,
        allowed: &[String],
    ) -> Result<Self, KeyError> {
        let is_public = |algorithm| family_of(algorithm) != AlgorithmFamily::Hmac;
        Self::of(secret, public_key, (allowed, is_public))
    }

    fn of(
        secret: Option<&[u8]>,
        public_key: Option<&[u8]>,
        (allowed, is_elsewhere): (&[String], fn(Algorithm) -> bool),
    ) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        if let Some(secret) = secret {
            keys.push((AlgorithmFamily::Hmac, DecodingKey::from_secret(secret)));
        }
        if let Some(pem) = public_key {
            keys.push(public(pem)?);
        }
        let mut entries = Vec::new();
        for (name, algorithm) in wanted(allowed)? {
            let key = keys
                .iter()
                .find(|(family, _)| *family == family_of(algorithm));
            match key {
                Some((_, key)) => entries.push((algorithm, key.clone())),
                None if allowed.is_empty() || is_elsewhere(algorithm) => {}
                None => return Err(KeyError::NoKey(name.to_owned())),
            }
        }
        Ok(Self { entries })
    }

    /// The key for a token with this algorithm in its header; `None` when it is not allowed.
    pub fn for_algorithm(&self, algorithm: Algorithm) -> Option<&DecodingKey> {
        self.entries
            .iter()
            .find(|(allowed, _)| *allowed == algorithm)
            .map(|(_, key)| key)
    }
}

pub(super) fn wanted(allowed: &[String]) -> Result<Vec<(&'static str, Algorithm)>, KeyError> {
    if allowed.is_empty() {
        return Ok(ALGORITHMS.to_vec());
    }
    let known = |name: &String| ALGORITHMS.iter().find(|(known, _)| known == name).copied();
    allowed
        .iter()
        .map(|name| known(name).ok_or_else(|| KeyError::Algorithm(name.clone())))
        .collect()
}

fn family_of(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

fn public(pem: &[u8]) -> Result<(AlgorithmFamily, DecodingKey), KeyError> {
    let rsa = DecodingKey::from_rsa_pem(pem).map(|key| (AlgorithmFamily::Rsa, key));
    let ec = || DecodingKey::from_ec_pem(pem).map(|key| (AlgorithmFamily::Ec, key));
    let ed = || DecodingKey::from_ed_pem(pem).map(|key| (AlgorithmFamily::Ed, key));
    rsa.or_else(|_| ec())
        .or_else(|_| ed())
        .map_err(|_| KeyError::Pem)
}
