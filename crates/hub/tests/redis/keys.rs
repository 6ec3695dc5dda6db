//! Every kind of key ends by itself.

use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Builder;
use fred::types::config::Config;
use futures_util::TryStreamExt;
use switchboard_messaging::hub::{
    BusEvent, Channel, PresenceChange, Room, SessionKey, SessionRecord, UnreadNote,
};
use switchboard_messaging::{Hub, Rate};
use switchboard_protocol::answers::ConnectionEvent;
use switchboard_protocol::objects::ConnectionEventType;
use switchboard_protocol::{ConversationId, DeliveryClass, PresenceStatus, Timestamp};
use switchboard_testkit::redis::{fresh_prefix, url};

use crate::{Node, acme, alice, event, online, room};

/// Everything that there is about users and nodes.
async fn make_every_kind_of_key(hub: &dyn Hub) {
    let custom_status = Some(Some("here".into()));
    let choose = PresenceChange::Choose {
        status: Some(PresenceStatus::Busy),
        custom_status,
    };
    let at = Timestamp::from_millis(1);
    for change in [choose, online("s1")] {
        hub.presence_change(&acme(), &alice(), change, at)
            .await
            .unwrap();
    }
    let event = ConnectionEvent {
        kind: ConnectionEventType::Connected,
        at,
        node_id: "a".into(),
        user_id: alice(),
        address: None,
        user_agent: "none".into(),
        reason: None,
    };
    hub.log_connections(&acme(), &[event]).await.unwrap();
    let ttl = Duration::from_secs(5);
    hub.typing_start(&room(), &alice(), ttl).await.unwrap();
    let note = UnreadNote {
        user: alice(),
        counts: Vec::new(),
        is_all: true,
    };
    hub.unread_note(&acme(), &[note]).await.unwrap();
    let rate = Rate::new(2, Duration::from_mins(1));
    for _ in 0..3 {
        hub.take(&acme(), &alice(), "x", rate).await.unwrap();
    }
    for rev in [2, 4] {
        hub.publish(sequenced(rev)).await.unwrap();
    }
    let record = SessionRecord {
        namespace: "/".to_owned(),
        began: None,
        user: alice(),
        socket: "socket".into(),
        owner: "owner".into(),
        entered: [].into(),
        left: [].into(),
    };
    let key = SessionKey("secret".into());
    hub.session_save(&acme(), &key, &record, 10_000)
        .await
        .unwrap();
}

/// An event with this `rev` of one conversation.
fn sequenced(rev: i64) -> BusEvent {
    let conversation = ConversationId(uuid::Uuid::from_u128(1));
    BusEvent {
        channel: Channel {
            organization: acme(),
            room: Room::Conversation(conversation),
        },
        class: DeliveryClass::Sequenced,
        rev: Some(rev),
        ..event("1")
    }
}

#[tokio::test]
async fn every_key_has_a_ttl() {
    let prefix = fresh_prefix();
    let doomed = Node::connect(&url(), &prefix, "doomed").await;
    make_every_kind_of_key(&*doomed.hub).await;
    let observer = observer(&url()).await;
    let seen = ttls(&observer, &prefix).await;
    assert_eq!(seen.len(), 17, "{seen:?}");

    doomed.hub.leave().await.unwrap();
    let node = Node::connect(&url(), &prefix, "node").await;
    assert_eq!(node.hub.reap_dead_nodes().await.unwrap().len(), 1);
    for (key, ttl) in [seen, ttls(&observer, &prefix).await].concat() {
        assert!(ttl > 0, "{key} has no ttl");
    }
}

pub(crate) async fn observer(url: &str) -> Client {
    let client = Builder::from_config(Config::from_url(url).unwrap());
    let client = client.build().unwrap();
    client.init().await.unwrap();
    client
}

pub(crate) async fn ttls(observer: &Client, prefix: &str) -> Vec<(String, i64)> {
    let pages = observer.scan_buffered(format!("{prefix}:*"), Some(1_000), None);
    let keys: Vec<fred::types::Key> = pages.try_collect().await.unwrap();
    let mut ttls = Vec::new();
    for key in keys {
        let name = key.as_str().unwrap().to_owned();
        ttls.push((name, observer.pttl::<i64, _>(key).await.unwrap()));
    }
    ttls
}
