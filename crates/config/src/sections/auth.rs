//! Whose tokens are believed.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use crate::key::{unset, value};
use crate::values::{ApiKeys, ClaimName, CookieName, KeySetUrl, OrgId, Secret, choice};

choice! {
    /// A signature algorithm for tokens.
    pub enum Algorithm {
        /// HMAC with SHA-256.
        Hs256 = "HS256",
        /// HMAC with SHA-384.
        Hs384 = "HS384",
        /// HMAC with SHA-512.
        Hs512 = "HS512",
        /// RSA PKCS#1 v1.5 with SHA-256.
        Rs256 = "RS256",
        /// RSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

impl Algorithm {
    /// Whether it verifies with `auth.secret`; otherwise with a public key.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

choice! {
    /// From whom a token in the query of the URL is taken, where proxies may log it.
    pub enum AllowQueryToken {
        /// From Engine.IO 3 clients, which have no other place for it.
        Eio3 = "eio3",
        /// From everybody.
        Always = "always",
        /// From nobody.
        Never = "never",
    }
}

section! {
    /// Whose tokens are believed, and what is read from them. In development, without any key, the
    /// node generates one.
    pub struct Auth at "auth", "auth." {
        /// Signature algorithms that are accepted. `HS…` verify with `auth.secret`, the others with
        /// `auth.public_key_file` or those of `auth.jwks_url`. When empty, every one that fits a key that
        /// is set: all `HS…` for a secret, `RS256` and `PS256`, `ES256` or `EdDSA` for a public key, by
        /// its kind.
        algorithms: Vec<Algorithm> = value("[]").reloadable();
        /// Secret of the `HS…` algorithms; at least 32 bytes in production.
        secret: Option<Secret<String>> = unset().reloadable();
        /// PEM file with the public key of the `RS256`, `PS256`, `ES256` and `EdDSA` algorithms.
        public_key_file: Option<PathBuf> = unset().reloadable();
        /// Where the issuer publishes its public keys as a JSON Web Key Set: fetched at start, every five
        /// minutes, and when a token names a key that is not known. Plain `http://` is refused in
        /// production, but for this machine.
        jwks_url: Option<KeySetUrl> = unset();
        /// Accepted `iss` claims; any when empty.
        issuer: Vec<String> = value("[]").reloadable();
        /// Accepted `aud` claims; any when empty.
        audience: Vec<String> = value("[]").reloadable();
        /// Claim that holds the organization's id.
        org_claim: ClaimName = value("org");
        /// Claim that holds the list of roles.
        roles_claim: ClaimName = value("roles");
        /// Organization of tokens that name none; without it they are refused.
        default_org: Option<OrgId> = unset();
        /// How long it is remembered that a token was revoked whose end is not known: no token should
        /// be good for longer.
        revocations_kept: Duration = value("90d").within("1h", "1000d");
        /// Cookie to look for a token in; without it none.
        cookie: Option<CookieName> = unset();
        /// Whose token is taken from the URL's query: `eio3` for Engine.IO 3 clients only, which
        /// have no other place for it.
        allow_query_token: AllowQueryToken = value("eio3");
        /// Keys with which backends may use the service API, as `organization=key`; in a file, one
        /// a line. At least 32 bytes each in production.
        api_keys: ApiKeys = unset().reloadable();
    }
}

impl Auth {
    /// Whether tokens may be signed by keys of which the node knows the public half.
    pub fn has_public_keys(&self) -> bool {
        self.public_key_file.is_some() || self.jwks_url.is_some()
    }
}
