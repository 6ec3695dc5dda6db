//! The token of a socket: the one that it connects with, and newer ones.

use std::net::IpAddr;
use std::sync::Arc;

use switchboard_messaging::Actor;
use switchboard_messaging::auth::AuthFailure;
use switchboard_messaging::turns::Turn;
use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers::Refreshed;
use switchboard_socketio::{Handshake, Socket, SocketId, network_of};

use crate::door::{Door, Opened};
use crate::handshake;
use crate::recovering::Recovered;
use crate::session::Session;

impl Door {
    /// Who a client says it is, if that is believed, and it has not tried too often.
    pub(crate) async fn who_connects(&self, handshake: &Handshake) -> Result<Actor, ErrorObject> {
        let address = self.admit_address(handshake).await?;
        self.who_is(&self.token(handshake), address).await
    }

    /// The token of a handshake; empty when there is none.
    pub(crate) fn token(&self, handshake: &Handshake) -> String {
        let (cookie, query) = (self.options.cookie.as_deref(), self.options.query_token);
        handshake::token(handshake, cookie, query)
    }

    /// Counts an attempt to connect from an address, and gives that, if it is known.
    pub(crate) async fn admit_address(
        &self,
        handshake: &Handshake,
    ) -> Result<Option<IpAddr>, ErrorObject> {
        let address = handshake.remote_addr.map(|peer| network_of(peer.ip()));
        if let Some(address) = address {
            self.messaging.admit_connect(address).await?;
        }
        Ok(address)
    }

    /// Who a token says it is, if that is believed, and its address has not failed too often.
    pub(crate) async fn who_is(
        &self,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Actor, ErrorObject> {
        let failure = match self.authenticator.authenticate(token).await {
            Ok(actor) => return Ok(actor),
            Err(failure) => refused(failure),
        };
        if let Some(address) = address {
            self.messaging.admit_failed_connect(address).await?;
        }
        Err(failure)
    }

    /// The session of somebody whose token is good: the former one, or a new one.
    pub(crate) async fn let_in(
        &self,
        handshake: &Handshake,
        (actor, turn): (Actor, Turn),
        socket: &Socket,
    ) -> Result<Opened, ErrorObject> {
        let opened = match self.recover(handshake, (&actor, turn), socket).await? {
            Recovered::Yes(opened) => *opened,
            Recovered::No(turn, failure) => self.begin((actor, turn), socket, failure).await?,
        };
        self.present.came(socket, &opened);
        Ok(opened)
    }

    /// The session of a socket that has, or is given back, this id.
    pub(crate) fn session(&self, actor: Actor, socket: &Socket, id: SocketId) -> Arc<Session> {
        let now = self.messaging.clock.now();
        let following = Arc::new(self.in_rooms(socket));
        let session = Session::new(actor, (id.to_string(), now), Some(following));
        Arc::new(session)
    }

    /// `auth:refresh`: a newer token of the same user in place of the one before.
    pub(crate) async fn refresh(
        &self,
        socket: &Socket,
        opened: &Opened,
        token: &str,
    ) -> Result<Refreshed, ErrorObject> {
        let actor = self.authenticator.authenticate(token).await;
        let actor = actor.map_err(refused)?;
        if actor.viewer != *opened.session.viewer() {
            let text = "the token is not of the user and organization of this socket";
            return Err(ErrorObject::forbidden(text));
        }
        let expires_at = actor.expires_at;
        opened.session.renew(actor);
        self.expiry.watch(socket.clone(), expires_at);
        // It may have been revoked between the one and the other.
        self.revoker.judge(socket, &opened.session);
        Ok(Refreshed { expires_at })
    }
}

fn refused(failure: AuthFailure) -> ErrorObject {
    let reason = failure.as_str();
    metrics::counter!("switchboard_auth_failures_total", "reason" => reason).increment(1);
    failure.into()
}
