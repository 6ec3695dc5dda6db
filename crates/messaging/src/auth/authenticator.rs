//! Tokens at the doors.

use std::sync::Arc;

use super::{AuthFailure, KeySource, Verifier};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::live::Live;
use crate::revocations::Revocations;

/// Judges tokens by the keys, the time and the revocations of now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator {
    verifier: Live<Verifier>,
    published: Option<Arc<dyn KeySource>>,
    revocations: Revocations,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// A judge of tokens.
    pub fn new(verifier: Live<Verifier>, revocations: Revocations, clock: Arc<dyn Clock>) -> Self {
        Self {
            verifier,
            published: None,
            revocations,
            clock,
        }
    }

    /// With a place to ask for keys that the verifier does not know.
    #[must_use]
    pub fn with_published(self, published: Option<Arc<dyn KeySource>>) -> Self {
        Self { published, ..self }
    }

    /// Who `token` says it is.
    ///
    /// # Errors
    ///
    /// Why it is not believed.
    pub async fn authenticate(&self, token: &str) -> Result<Actor, AuthFailure> {
        let verify = || self.verifier.get().verify(token, self.clock.now());
        let actor = match (verify(), &self.published) {
            (Err(AuthFailure::UnknownKey), Some(published)) => {
                published.refresh().await;
                verify()?
            }
            (judged, _) => judged?,
        };
        if self.revocations.is_token_revoked(&actor) {
            return Err(AuthFailure::Revoked);
        }
        Ok(actor)
    }
}
