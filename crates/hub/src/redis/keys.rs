//! Every key and channel name. The organization is the hash tag, so everything of one organization
//! is in one slot of a Redis Cluster, and a script may touch any of it.
//!
//! No two things share a name: organization and user ids have no braces and no `/`, each kind has
//! its own word right after the organization, and what may hold a `:` comes last or ends at a `/`.

use std::fmt;

use switchboard_messaging::Rate;
use switchboard_messaging::hub::{Channel, SessionKey};
use switchboard_protocol::{OrganizationId, PresenceStatus, UserId};

/// Names under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let prefix = prefix.to_owned();
        Self { prefix }
    }

    /// Hash: a user's devices, choice, and what was announced.
    pub(super) fn presence(&self, organization: &OrganizationId, user: &UserId) -> String {
        self.of(organization, format_args!("presence:{user}"))
    }

    /// Set: the users of the organization whom a node answers for.
    pub(super) fn users_of_node(&self, organization: &OrganizationId, node: &str) -> String {
        self.of(organization, format_args!("node:{node}"))
    }

    /// Sorted set: the users of the organization who are seen with a status, in the order of their ids.
    pub(super) fn seen(&self, organization: &OrganizationId, status: PresenceStatus) -> String {
        self.of(organization, format_args!("seen:{}", status.as_str()))
    }

    /// Hash: how many sockets (`s:` and the node) and devices (`d:`) of the organization nodes have.
    pub(super) fn counts(&self, organization: &OrganizationId) -> String {
        self.of(organization, format_args!("counts"))
    }

    /// List: what happened to the organization's connections, the newest first.
    pub(super) fn connections(&self, organization: &OrganizationId) -> String {
        self.of(organization, format_args!("connections"))
    }

    /// Sorted set: who types in a room, and until when.
    pub(super) fn typing(&self, channel: &Channel) -> String {
        self.of(
            &channel.organization,
            format_args!("typing:{}", channel.room),
        )
    }

    /// Hash: since when each of them types.
    pub(super) fn typing_since(&self, channel: &Channel) -> String {
        self.of(
            &channel.organization,
            format_args!("since:{}", channel.room),
        )
    }

    /// Hash: what a user has not read.
    pub(super) fn unread(&self, organization: &OrganizationId, user: &UserId) -> String {
        self.of(organization, format_args!("unread:{user}"))
    }

    /// Hash: a token bucket. One with another rate is another bucket.
    pub(super) fn bucket(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> String {
        let (burst, per) = (rate.burst, rate.per.as_micros());
        self.of(
            organization,
            format_args!("bucket:{burst}/{per}/{user}/{bucket}"),
        )
    }

    /// Hash: the organization's epoch and last offset.
    pub(super) fn order(&self, organization: &OrganizationId) -> String {
        self.of(organization, format_args!("order"))
    }

    /// Hash: where a room stands in the order.
    pub(super) fn room(&self, channel: &Channel) -> String {
        self.of(&channel.organization, format_args!("room:{}", channel.room))
    }

    /// Stream: the last events of a room, by their offsets.
    pub(super) fn log(&self, channel: &Channel) -> String {
        self.of(&channel.organization, format_args!("log:{}", channel.room))
    }

    /// Hash: events of a room whose turn has not come, by `rev`.
    pub(super) fn early(&self, channel: &Channel) -> String {
        let room = &channel.room;
        self.of(&channel.organization, format_args!("early:{room}"))
    }

    /// Hash: what is remembered of a client under its secret.
    pub(super) fn session(&self, organization: &OrganizationId, key: &SessionKey) -> String {
        self.of(organization, format_args!("session:{}", key.0))
    }

    /// Channel: the events of a room.
    pub(super) fn bus(&self, channel: &Channel) -> String {
        self.of(&channel.organization, format_args!("bus:{}", channel.room))
    }

    /// Sorted set: the nodes, and until when their leases last.
    pub(super) fn leases(&self) -> String {
        self.of_nodes(format_args!("leases"))
    }

    /// Hash: what is known of each node.
    pub(super) fn node_info(&self) -> String {
        self.of_nodes(format_args!("info"))
    }

    /// Sorted set: the dead nodes that somebody is reaping, and until when nobody else does.
    pub(super) fn claims(&self) -> String {
        self.of_nodes(format_args!("claims"))
    }

    /// Set: the organizations in which a node answers for users.
    pub(super) fn organizations_of_node(&self, node: &str) -> String {
        self.of_nodes(format_args!("organizations:{node}"))
    }

    /// String, and channel: what an examination writes, reads and hears, and nobody else.
    pub(super) fn examined(&self, random: u64) -> String {
        self.of_nodes(format_args!("examined:{random:016x}"))
    }

    fn of(&self, organization: &OrganizationId, what: fmt::Arguments<'_>) -> String {
        format!("{}:{{{organization}}}:{what}", self.prefix)
    }

    fn of_nodes(&self, what: fmt::Arguments<'_>) -> String {
        format!("{}:nodes:{{nodes}}:{what}", self.prefix)
    }
}

/// The part of a name that decides on its slot.
pub(super) fn hash_tag(name: &str) -> &str {
    let tag = name
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    tag.map_or(name, |(tag, _)| tag)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use proptest::prelude::*;
    use switchboard_messaging::hub::Room;
    use switchboard_protocol::ConversationId;
    use uuid::Uuid;

    use super::*;

    const NAME: &str = "[a-b:.@_-]{1,6}|presence|nodes|a:presence:b|org|user:a|bus:org";

    /// Every name that two ids can be part of.
    fn names(organization: &str, user: &str, bucket: &str) -> Vec<String> {
        let keys = Keys::new("sb");
        let organization = OrganizationId::new(organization).unwrap();
        let user = UserId::new(user).unwrap();
        let rate = Rate::new(5, Duration::from_secs(1));
        let channel = |room| Channel {
            organization: organization.clone(),
            room,
        };
        vec![
            keys.presence(&organization, &user),
            keys.users_of_node(&organization, user.as_str()),
            keys.typing(&channel(Room::User(user.clone()))),
            keys.typing_since(&channel(Room::User(user.clone()))),
            keys.unread(&organization, &user),
            keys.bus(&channel(Room::User(user.clone()))),
            keys.room(&channel(Room::User(user.clone()))),
            keys.log(&channel(Room::User(user.clone()))),
            keys.early(&channel(Room::User(user.clone()))),
            keys.session(&organization, &SessionKey(user.to_string())),
            keys.bucket(&organization, &user, bucket, rate),
            keys.organizations_of_node(user.as_str()),
            keys.seen(&organization, PresenceStatus::Online),
            keys.counts(&organization),
            keys.connections(&organization),
        ]
    }

    #[test]
    fn names_read_well_and_carry_the_organization_as_hash_tag() {
        let keys = Keys::new("sb");
        let acme = OrganizationId::new("acme").unwrap();
        let alice = UserId::new("alice").unwrap();
        assert_eq!(keys.presence(&acme, &alice), "sb:{acme}:presence:alice");
        let room = Room::Conversation(ConversationId(Uuid::nil()));
        let channel = Channel {
            organization: acme,
            room,
        };
        let name = keys.bus(&channel);
        assert_eq!(
            name,
            "sb:{acme}:bus:conversation:00000000-0000-0000-0000-000000000000"
        );
        assert_eq!(hash_tag(&name), "acme");
        assert_eq!(keys.leases(), "sb:nodes:{nodes}:leases");
    }

    proptest! {
        #[test]
        fn different_things_have_different_names(
            one in (NAME, NAME, "[a-b:/]{0,4}"),
            other in (NAME, NAME, "[a-b:/]{0,4}"),
        ) {
            let of_one = names(&one.0, &one.1, &one.2);
            prop_assert_eq!(of_one.iter().collect::<HashSet<_>>().len(), of_one.len());
            for (kind, (a, b)) in of_one.iter().zip(names(&other.0, &other.1, &other.2)).enumerate() {
                // A bucket is named by all three, a node's organizations and what there is once in an
                // organization by one, the rest by two.
                let same = match kind {
                    10 => one == other,
                    11 => one.1 == other.1,
                    12..=14 => one.0 == other.0,
                    _ => (&one.0, &one.1) == (&other.0, &other.1),
                };
                prop_assert_eq!(*a == b, same, "{} and {}", a, b);
            }
        }

        #[test]
        fn the_hash_tag_is_always_the_organization(organization in NAME, user in NAME) {
            let of_nodes = 11;
            for (kind, name) in names(&organization, &user, "x").iter().enumerate() {
                prop_assert!(kind == of_nodes || hash_tag(name) == organization);
            }
        }
    }
}
