//! Taking belief away from tokens, and sending users away. For whoever runs an organization: which
//! door lets them in is that door's matter.

use std::time::Duration;

use switchboard_protocol::{
    DeliveryClass, ErrorObject, OrganizationId, Timestamp, UserId, content,
};

use crate::Messaging;
use crate::hub::BusEvent;
use crate::presence::organization_channel;
use crate::publish;
use crate::revocations::{MAX_JTI, MAX_REASON, REVOKED_EVENT, Revocation, Revoked};

/// How long a node may be away and still send away whoever was to go.
const SENT_AWAY: Duration = Duration::from_mins(10);

impl Messaging {
    /// From now on the organization's token with this `jti` is not believed, and the sockets that
    /// came with it go. `expires_at` is the token's `exp`, if it is known: the revocation is
    /// forgotten then.
    ///
    /// # Errors
    ///
    /// `VALIDATION_FAILED` for a `jti` that no revocable token has; those of the store.
    pub async fn revoke_token(
        &self,
        organization: &OrganizationId,
        jti: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(), ErrorObject> {
        let length = jti.chars().count();
        if !(1..=MAX_JTI).contains(&length) || jti.contains('\0') {
            let text = format!("must be 1 to {MAX_JTI} characters");
            return Err(ErrorObject::invalid("jti", text));
        }
        let jti = jti.to_owned();
        self.revoke(organization, Revoked::Token { jti }, expires_at)
            .await
    }

    /// From now on no token of a user is believed that was issued (`iat`) before a moment, nor one
    /// that does not say when it was; the sockets that came with one go.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn revoke_user(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        before: Timestamp,
    ) -> Result<(), ErrorObject> {
        let over = self.revocations.over_after(before.max(self.clock.now()));
        let user = user.clone();
        self.revoke(organization, Revoked::Tokens { user, before }, Some(over))
            .await
    }

    /// The sockets that a user has now go, and are told `reason`. Their tokens stay good.
    ///
    /// # Errors
    ///
    /// `VALIDATION_FAILED` for a reason that is too long; those of the store.
    pub async fn disconnect_user(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        reason: Option<&str>,
    ) -> Result<(), ErrorObject> {
        let reason = reason.map(content::plain);
        let reason = reason.filter(|text| !text.is_empty());
        if reason
            .as_ref()
            .is_some_and(|text| text.chars().count() > MAX_REASON)
        {
            let text = format!("must be at most {MAX_REASON} characters");
            return Err(ErrorObject::invalid("reason", text));
        }
        let over = self.clock.now().plus(SENT_AWAY);
        let user = user.clone();
        self.revoke(organization, Revoked::Sockets { user, reason }, Some(over))
            .await
    }

    async fn revoke(
        &self,
        organization: &OrganizationId,
        what: Revoked,
        expires_at: Option<Timestamp>,
    ) -> Result<(), ErrorObject> {
        let at = self.clock.now();
        let revocation = Revocation {
            organization: organization.clone(),
            what,
            at,
            expires_at: expires_at.unwrap_or_else(|| self.revocations.over_after(at)),
        };
        self.store.revoke(&revocation).await?;
        self.revocations.learn(&revocation, at);
        // The others read it within a second anyway.
        self.publish(vec![announcement(&revocation)?]).await;
        Ok(())
    }
}

fn announcement(revocation: &Revocation) -> Result<BusEvent, ErrorObject> {
    Ok(BusEvent {
        channel: organization_channel(&revocation.organization),
        audience: Vec::new(),
        name: REVOKED_EVENT.to_owned(),
        data: publish::raw(revocation)?,
        class: DeliveryClass::Volatile,
        rev: None,
        except: None,
        enters: None,
        at: revocation.at,
        trace: None,
        position: None,
    })
}
