//! Changing conversations and who is in them.

use serde_json::json;
use switchboard_messaging::store::{Alteration, Altered, Altering, Change, ReceiptKind, Refusal};
use switchboard_protocol::server_events::{ConversationChanged, MemberChanged};
use switchboard_protocol::{
    ConversationId, ConversationStatus, Member, Role, ServerEvent, Timestamp, UserId,
};

use crate::on_both_databases;
use crate::world::{World, acme, object, refusal, stranger, unused_conversation, user, viewer};

on_both_databases!(
    a_conversation_gets_another_title_and_metadata,
    every_kind_of_change_is_read_back_as_it_was_told,
    each_new_member_takes_a_rev,
    who_is_a_member_already_stays_as_they_are,
    who_comes_back_begins_anew_where_the_conversation_stands,
    who_is_removed_is_out_of_everything,
    a_message_that_races_with_a_removal_is_before_it_or_refused,
    an_owner_gives_the_place_away_and_becomes_an_admin,
    of_two_who_get_the_same_place_one_does,
    an_owners_place_goes_to_the_oldest_admin_then_to_the_oldest_member,
    the_last_one_out_archives,
    archiving_and_reopening_again_change_nothing,
    refusals_come_in_the_promised_order_and_take_no_rev,
    sync_shows_who_came_went_and_rose,
    changes_that_race_on_many_nodes_leave_no_gap,
);

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

pub(crate) fn adding(names: &[&str]) -> Altering {
    let (users, role) = (users(names), Role::Member);
    Altering::Add { users, role }
}

pub(crate) fn removing(names: &[&str]) -> Altering {
    let users = users(names);
    Altering::Remove { users }
}

fn giving(names: &[&str], role: Role) -> Altering {
    let users = users(names);
    Altering::SetRole { users, role }
}

impl World {
    pub(crate) fn alteration(&self, by: &str, of: ConversationId, what: Altering) -> Alteration {
        Alteration {
            conversation: of,
            by: viewer(by),
            socket: None,
            what,
            at: self.now(),
        }
    }

    pub(crate) async fn alter(&self, by: &str, of: ConversationId, what: Altering) -> Altered {
        let wanted = self.alteration(by, of, what);
        self.store.alter(wanted).await.unwrap()
    }

    async fn refused(&self, by: &str, of: ConversationId, what: Altering) -> Refusal {
        let wanted = self.alteration(by, of, what);
        refusal(self.store.alter(wanted).await)
    }

    async fn rev(&self, of: ConversationId) -> i64 {
        self.store.heads(&acme(), &[of]).await.unwrap()[0].rev
    }

    async fn present(&self, of: ConversationId) -> Vec<(String, Role)> {
        let members = self.store.members(&acme(), of, 100).await.unwrap();
        let named = members.into_iter();
        named
            .map(|member| (member.user_id.as_str().to_owned(), member.role))
            .collect()
    }
}

/// What was told, as `rev name of whom`.
fn told(changes: &[Change]) -> Vec<String> {
    let told = changes.iter().map(|change| {
        let name = change.event.name().trim_start_matches("conversation:");
        let whom = match &change.event {
            ServerEvent::MemberAdded(about)
            | ServerEvent::MemberRemoved(about)
            | ServerEvent::MemberRole(about) => about.member.user_id.as_str(),
            _ => "",
        };
        format!("{} {name} {whom}", change.rev)
    });
    told.map(|line| line.trim_end().to_owned()).collect()
}

async fn a_conversation_gets_another_title_and_metadata(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let metadata = object(json!({"colour": "grün 🥒"}));
    let what = Altering::Details {
        title: Some(Some("Lünch".to_owned())),
        metadata: Some(metadata.clone()),
    };
    let altered = world.alter("ann", to, what.clone()).await;
    let view = altered.view.unwrap();
    assert_eq!((altered.rev, view.conversation.rev), (2, 2));
    assert_eq!(view.conversation.title.as_deref(), Some("Lünch"));
    assert_eq!(view.conversation.metadata, metadata);
    assert_eq!(view.my_role, Role::Owner);
    let event = ServerEvent::ConversationUpdated(ConversationChanged::of(view.conversation));
    assert_eq!(altered.changes[0].event, event);
    let again = world.alter("ann", to, what).await;
    assert_eq!((again.rev, again.changes.len()), (2, 0));
    let clearing = Altering::Details {
        title: Some(None),
        metadata: None,
    };
    let cleared = world.alter("ann", to, clearing).await.view.unwrap();
    assert_eq!(cleared.conversation.title, None);
    assert_eq!(cleared.conversation.metadata, metadata);
    assert_eq!(world.say("ben", to, "next").await.rev, 4);
}

async fn every_kind_of_change_is_read_back_as_it_was_told(world: World) {
    let to = world.group("ann", &["ben", "cid"]).await;
    let title = Altering::Details {
        title: Some(Some("lunch".to_owned())),
        metadata: None,
    };
    let all = [
        title,
        adding(&["dan", "eve"]),
        giving(&["ben", "cid"], Role::Admin),
        removing(&["cid", "dan"]),
        giving(&["ben"], Role::Owner),
        Altering::Archive,
        Altering::Reopen,
        Altering::Exit,
    ];
    let node = world.another_node().await;
    let mut after = 1;
    for (n, what) in all.into_iter().enumerate() {
        let wanted = Alteration {
            socket: Some(format!("socket {n}")),
            ..world.alteration("ann", to, what.clone())
        };
        let altered = world.store.alter(wanted).await.unwrap();
        let read = node.changes(&acme(), to, after, altered.rev).await.unwrap();
        assert!(!read.is_empty(), "{what:?}");
        assert_eq!(read, altered.changes, "{what:?}");
        let revs: Vec<i64> = read.iter().map(|change| change.rev).collect();
        assert_eq!(revs, (after + 1..=altered.rev).collect::<Vec<_>>());
        for change in &read {
            assert_eq!(change.event.rev(), Some(change.rev));
            assert_eq!(change.maker, Some(format!("socket {n}")));
        }
        after = altered.rev;
    }
    let all = node.changes(&acme(), to, 0, 100).await.unwrap();
    let expected = [
        "1 created",
        "2 updated",
        "3 member-added dan",
        "4 member-added eve",
        "5 member-role ben",
        "6 member-role cid",
        "7 member-removed cid",
        "8 member-removed dan",
        "9 member-role ann",
        "10 member-role ben",
        "11 archived",
        "12 reopened",
        "13 member-removed ann",
    ];
    assert_eq!(told(&all), expected);
}

async fn each_new_member_takes_a_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "before").await;
    let what = Altering::Add {
        users: users(&["zoe", "cid", "zoe"]),
        role: Role::ReadOnly,
    };
    let wanted = world.alteration("ann", to, what);
    let at = wanted.at;
    let altered = world.store.alter(wanted).await.unwrap();
    let member = |name| Member {
        user_id: user(name),
        role: Role::ReadOnly,
        joined_at: at,
        delivered_seq: 1,
        read_seq: 1,
        last_seen_at: None,
        left_at: None,
    };
    assert_eq!(altered.members, [member("zoe"), member("cid")]);
    assert_eq!(altered.rev, 4);
    let events = [("zoe", 3), ("cid", 4)].map(|(name, rev)| Change {
        rev,
        event: ServerEvent::MemberAdded(Box::new(MemberChanged {
            conversation_id: to,
            member: member(name),
            rev,
        })),
        maker: None,
    });
    assert_eq!(altered.changes, events);
    assert_eq!(altered.view.unwrap().conversation.member_count, 4);
    let theirs = world.store.view(&viewer("cid"), to).await.unwrap();
    assert_eq!(theirs.unwrap().my_role, Role::ReadOnly);
}

async fn who_is_a_member_already_stays_as_they_are(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let what = Altering::Add {
        users: users(&["ben", "ann"]),
        role: Role::Admin,
    };
    let altered = world.alter("ann", to, what).await;
    assert_eq!((altered.rev, altered.changes.len()), (1, 0));
    let roles: Vec<Role> = altered.members.iter().map(|member| member.role).collect();
    assert_eq!(roles, [Role::Member, Role::Owner]);
}

async fn who_comes_back_begins_anew_where_the_conversation_stands(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    world.mark(ReceiptKind::Read, "ben", to, 1).await.unwrap();
    world.alter("ann", to, giving(&["ben"], Role::Admin)).await;
    let gone = world.alter("ann", to, removing(&["ben"])).await;
    assert!(gone.members[0].left_at.is_some());
    assert_eq!(gone.view.unwrap().conversation.member_count, 1);
    world.say("ann", to, "two").await;
    let wanted = world.alteration("ann", to, adding(&["ben"]));
    let at: Timestamp = wanted.at;
    let back = world.store.alter(wanted).await.unwrap();
    let ben = &back.members[0];
    assert_eq!(
        (ben.role, ben.joined_at, ben.left_at),
        (Role::Member, at, None)
    );
    assert_eq!((ben.delivered_seq, ben.read_seq), (2, 2));
    let view = world.store.view(&viewer("ben"), to).await.unwrap();
    assert_eq!(view.unwrap().unread_count, 0);
    assert_eq!(back.view.unwrap().conversation.member_count, 2);
    assert_eq!(world.say("ben", to, "hello").await.rev, 7);
}

async fn who_is_removed_is_out_of_everything(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ben", to, "one").await;
    world.alter("ann", to, removing(&["ben"])).await;
    let (store, ben) = (&world.store, viewer("ben"));
    assert_eq!(store.view(&ben, to).await.unwrap(), None);
    assert_eq!(store.heads_of(&ben, 10).await.unwrap(), []);
    let membership = store.membership(&ben, to).await.unwrap().unwrap();
    assert_eq!(membership.member, None);
    let appended = store.append(world.text("ben", to, "two")).await;
    assert_eq!(refusal(appended), Refusal::NotMember);
    let edit = store.edit(world.new_edit("ben", sent.id, "other")).await;
    assert_eq!(refusal(edit), Refusal::NotMember);
    let mark = world.mark(ReceiptKind::Read, "ben", to, 1).await;
    assert_eq!(refusal(mark), Refusal::NotMember);
    assert_eq!(
        world.refused("ben", to, Altering::Exit).await,
        Refusal::NotMember
    );
    let again = world.alter("ann", to, removing(&["ben"])).await;
    assert_eq!((again.rev, again.members.len()), (3, 1));
}

async fn a_message_that_races_with_a_removal_is_before_it_or_refused(world: World) {
    let node = world.another_node().await;
    for _ in 0..10 {
        let to = world.group("ann", &["ben"]).await;
        let removal = world.alteration("ann", to, removing(&["ben"]));
        let send = world.text("ben", to, "quick");
        let (removed, appended) = tokio::join!(node.alter(removal), world.store.append(send));
        let removed = removed.unwrap();
        match appended {
            Ok(new) => assert_eq!((new.message.rev, removed.rev), (2, 3)),
            refused => {
                assert_eq!(refusal(refused), Refusal::NotMember);
                assert_eq!(removed.rev, 2);
            }
        }
    }
}

async fn an_owner_gives_the_place_away_and_becomes_an_admin(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let altered = world.alter("ann", to, giving(&["ben"], Role::Owner)).await;
    assert_eq!(
        told(&altered.changes),
        ["2 member-role ann", "3 member-role ben"]
    );
    let now: Vec<_> = altered
        .members
        .iter()
        .map(|m| (m.user_id.as_str(), m.role))
        .collect();
    assert_eq!(now, [("ben", Role::Owner), ("ann", Role::Admin)]);
    assert_eq!(altered.view.unwrap().my_role, Role::Admin);
    let back = giving(&["ann"], Role::Owner);
    assert_eq!(world.refused("ann", to, back).await, Refusal::NotOwner);
}

async fn of_two_who_get_the_same_place_one_does(world: World) {
    let node = world.another_node().await;
    let to = world.group("ann", &["ben", "cid"]).await;
    let give = |name| world.alteration("ann", to, giving(&[name], Role::Owner));
    let (left, right) = tokio::join!(world.store.alter(give("ben")), node.alter(give("cid")));
    let ((Ok(_), lost) | (lost, Ok(_))) = (left, right) else {
        panic!("nobody got it");
    };
    assert_eq!(refusal(lost), Refusal::NotOwner);
    let owners = world.present(to).await.into_iter();
    assert_eq!(owners.filter(|(_, role)| *role == Role::Owner).count(), 1);
    assert_eq!(world.rev(to).await, 3);
}

async fn an_owners_place_goes_to_the_oldest_admin_then_to_the_oldest_member(world: World) {
    let to = world.group("zoe", &["eve"]).await;
    world.alter("zoe", to, adding(&["dan"])).await;
    world.alter("zoe", to, adding(&["cid", "ben"])).await;
    world
        .alter("zoe", to, giving(&["eve"], Role::ReadOnly))
        .await;
    world
        .alter("zoe", to, giving(&["ben", "cid"], Role::Admin))
        .await;
    // Cid and Ben came at once: by name. Eve came first, and may only read.
    for (leaves, heir) in [
        ("zoe", "ben"),
        ("ben", "cid"),
        ("cid", "dan"),
        ("dan", "eve"),
    ] {
        let exit = world.alter(leaves, to, Altering::Exit).await;
        let rev = exit.rev;
        let expected = [
            format!("{} member-removed {leaves}", rev - 1),
            format!("{rev} member-role {heir}"),
        ];
        assert_eq!(told(&exit.changes), expected);
        assert_eq!(exit.view, None);
        let owners = world.present(to).await.into_iter();
        let owners: Vec<_> = owners.filter(|(_, role)| *role == Role::Owner).collect();
        assert_eq!(owners, [(heir.to_owned(), Role::Owner)]);
    }
}

async fn the_last_one_out_archives(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let exit = world.alter("ben", to, Altering::Exit).await;
    assert_eq!(told(&exit.changes), ["2 member-removed ben"]);
    let exit = world.alter("ann", to, Altering::Exit).await;
    assert_eq!(told(&exit.changes), ["3 member-removed ann", "4 archived"]);
    let head = world.store.membership(&viewer("ann"), to).await.unwrap();
    let conversation = head.unwrap().conversation;
    assert_eq!(conversation.status, ConversationStatus::Archived);
    assert_eq!((conversation.member_count, conversation.rev), (0, 4));
    assert_eq!(conversation.archived_by, Some(user("ann")));
}

async fn archiving_and_reopening_again_change_nothing(world: World) {
    let new = world.new_direct("ann", "ben");
    let to = world.store.create_conversation(new).await.unwrap();
    let to = to.view.conversation.id;
    let wanted = world.alteration("ben", to, Altering::Archive);
    let at = wanted.at;
    let archived = world.store.alter(wanted).await.unwrap();
    let conversation = archived.view.unwrap().conversation;
    assert_eq!(conversation.status, ConversationStatus::Archived);
    assert_eq!(conversation.archived_at, Some(at));
    assert_eq!(conversation.archived_by, Some(user("ben")));
    assert_eq!(told(&archived.changes), ["2 archived"]);
    let again = world.alter("ann", to, Altering::Archive).await;
    assert_eq!((again.rev, again.changes.len()), (2, 0));
    assert_eq!(again.view.unwrap().conversation, conversation);
    let send = world.store.append(world.text("ann", to, "late")).await;
    assert!(matches!(refusal(send), Refusal::Archived(_)));
    let reopened = world.alter("ann", to, Altering::Reopen).await;
    let conversation = reopened.view.unwrap().conversation;
    assert_eq!(conversation.status, ConversationStatus::Active);
    assert_eq!(
        (conversation.archived_at, conversation.archived_by),
        (None, None)
    );
    let again = world.alter("ben", to, Altering::Reopen).await;
    assert_eq!((again.rev, again.changes.len()), (3, 0));
    assert_eq!(world.say("ben", to, "again").await.rev, 4);
}

async fn refusals_come_in_the_promised_order_and_take_no_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let nowhere = unused_conversation();
    let what = || removing(&["nobody"]);
    assert_eq!(
        world.refused("ann", nowhere, what()).await,
        Refusal::NoConversation
    );
    let theirs = Alteration {
        by: stranger("ann"),
        ..world.alteration("ann", to, what())
    };
    assert_eq!(
        refusal(world.store.alter(theirs).await),
        Refusal::NoConversation
    );
    assert_eq!(world.refused("cid", to, what()).await, Refusal::NotMember);
    assert_eq!(world.refused("ben", to, what()).await, Refusal::NotManager);
    let nobody = Refusal::NoMember(user("nobody"));
    assert_eq!(world.refused("ann", to, what()).await, nobody);
    let owner = removing(&["ann"]);
    assert_eq!(world.refused("ann", to, owner).await, Refusal::OwnerStays);
    // All or nothing.
    let half = removing(&["ben", "nobody"]);
    assert_eq!(world.refused("ann", to, half).await, nobody);
    world.archive(to).await;
    let refused = world.refused("ann", to, adding(&["cid"])).await;
    assert!(matches!(refused, Refusal::Archived(_)), "{refused:?}");
    assert_eq!(world.rev(to).await, 1);
    assert_eq!(world.present(to).await.len(), 2);
}

async fn sync_shows_who_came_went_and_rose(world: World) {
    let to = world.group("ann", &["ben", "cid"]).await;
    world.alter("ann", to, removing(&["ben"])).await;
    world.alter("ann", to, adding(&["dan"])).await;
    world.alter("ann", to, giving(&["cid"], Role::Admin)).await;
    let page = world.store.sync(&acme(), to, 1, 100).await.unwrap();
    let seen: Vec<_> = page
        .members
        .iter()
        .map(|m| (m.user_id.as_str(), m.role, m.left_at.is_some()))
        .collect();
    let expected = [
        ("ben", Role::Member, true),
        ("dan", Role::Member, false),
        ("cid", Role::Admin, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(page.rev, 4);
}

async fn changes_that_race_on_many_nodes_leave_no_gap(world: World) {
    let (one, two) = (world.another_node().await, world.another_node().await);
    let to = world.group("ann", &["ben"]).await;
    let talking = async {
        for n in 0..20 {
            world.say("ben", to, &n.to_string()).await;
        }
    };
    let adding_all = async {
        for n in 0..10 {
            let names = [format!("a{n}"), format!("b{n}")];
            let names = [names[0].as_str(), names[1].as_str()];
            let wanted = world.alteration("ann", to, adding(&names));
            one.alter(wanted).await.unwrap();
        }
    };
    let renaming = async {
        for n in 0..10 {
            let title = Altering::Details {
                title: Some(Some(n.to_string())),
                metadata: None,
            };
            two.alter(world.alteration("ann", to, title)).await.unwrap();
        }
    };
    tokio::join!(talking, adding_all, renaming);
    let last = 1 + 20 + 20 + 10;
    assert_eq!(world.rev(to).await, last);
    let changes = one.changes(&acme(), to, 0, 1_000).await.unwrap();
    let revs: Vec<i64> = changes.iter().map(|change| change.rev).collect();
    assert_eq!(revs, (1..=last).collect::<Vec<_>>());
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].member_count, 22);
}
