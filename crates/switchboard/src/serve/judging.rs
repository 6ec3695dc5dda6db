//! Who judges tokens.

use std::sync::Arc;

use switchboard_config::Settings;
use switchboard_messaging::auth::{Authenticator, KeySource, PublishedKeys, Verifier};
use switchboard_messaging::{Live, Messaging};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect;
use crate::exit::Failure;
use crate::keys;

/// A judge of tokens, and what of it takes new values while the node runs.
pub(crate) struct Judge {
    pub(crate) authenticator: Authenticator,
    pub(crate) live: (Live<Verifier>, Live<PublishedKeys>),
}

/// A judge that knows all keys, and everything that was revoked, before anybody comes with a token.
/// Its task runs on `tasks` until `stop`.
pub(crate) async fn judge(
    settings: &Settings,
    secret: Option<&Vec<u8>>,
    messaging: &Messaging,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Result<Judge, Failure> {
    let published = Live::new(PublishedKeys::default());
    let verifier = Live::new(keys::verifier(settings, secret, &published)?);
    let jwks = connect::jwks(settings, &published).await?;
    if let Some(jwks) = &jwks {
        tasks.spawn(Arc::clone(jwks).run(stop.clone()));
    }
    connect::revocations(settings, messaging).await?;
    let (revocations, clock) = (messaging.revocations.clone(), Arc::clone(&messaging.clock));
    let authenticator = Authenticator::new(verifier.clone(), revocations, clock)
        .with_published(jwks.map(|jwks| jwks as Arc<dyn KeySource>));
    let live = (verifier, published);
    Ok(Judge {
        authenticator,
        live,
    })
}
