//! API keys: with one of them a backend is the service of an organization.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use switchboard_protocol::{OrganizationId, Timestamp, UserId};

use super::SERVICE;
use crate::actor::Actor;
use crate::store::Viewer;

/// The keys that are good. Only their digests are kept.
#[derive(Default)]
pub struct ApiKeys(Vec<(OrganizationId, [u8; 32])>);

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKeys").field(&self.0.len()).finish()
    }
}

impl ApiKeys {
    /// These keys, each with the organization that it is for.
    pub fn new<'a>(keys: impl IntoIterator<Item = (OrganizationId, &'a str)>) -> Self {
        let keys = keys.into_iter();
        Self(
            keys.map(|(organization, key)| (organization, hash(key)))
                .collect(),
        )
    }

    /// Who calls with this key, at the time `now`. It takes the same time whether it is nearly right or not at all.
    pub fn find(&self, key: &str, now: Timestamp) -> Option<Actor> {
        let wanted = hash(key);
        let mut found = None;
        for (organization, known) in &self.0 {
            if verify_slices_are_equal(known, &wanted).is_ok() {
                found = Some(organization);
            }
        }
        // Keys have buckets of their own.
        let start = URL_SAFE_NO_PAD.encode(wanted.get(..8)?);
        let viewer = Viewer {
            organization: found?.clone(),
            user: UserId::new(&format!("api-key:{start}")).ok()?,
        };
        Some(Actor {
            viewer,
            roles: [SERVICE.to_owned()].into(),
            device: None,
            token_id: None,
            issued_at: Some(now),
            // A key has no end of its own; whoever asks again shows it again.
            expires_at: now,
        })
    }
}

fn hash(key: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_organizations_and_no_part_of_it_is_good() {
        let of = |name: &str| OrganizationId::new(name).unwrap();
        let keys = ApiKeys::new([(of("acme"), "first key"), (of("globex"), "second key")]);
        let now = Timestamp::default();
        let found = |key: &str| keys.find(key, now).map(|actor| actor.viewer.organization);
        assert_eq!(found("first key"), Some(of("acme")));
        assert_eq!(found("second key"), Some(of("globex")));
        for bad in ["", "first", "first key ", "First key"] {
            assert_eq!(found(bad), None, "{bad:?}");
        }
        let user = |key: &str| keys.find(key, now).map(|actor| actor.viewer.user);
        assert_ne!(user("first key"), user("second key"));
        assert!(!format!("{keys:?}").contains("key "));
    }
}
