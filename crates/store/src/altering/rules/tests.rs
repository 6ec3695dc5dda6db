use super::*;
use serde_json::json;
use switchboard_protocol::{Conversation, ConversationId, OrganizationId, Timestamp};
use uuid::Uuid;

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

fn member(name: &str, role: Role) -> Member {
    Member {
        user_id: user(name),
        role,
        joined_at: Timestamp::from_millis(1),
        delivered_seq: 0,
        read_seq: 0,
        last_seen_at: None,
        left_at: None,
    }
}

fn conversation() -> Conversation {
    Conversation {
        id: ConversationId(Uuid::nil()),
        organization_id: OrganizationId::new("acme").unwrap(),
        kind: Kind::Group,
        title: Some("lunch".to_owned()),
        context: None,
        status: ConversationStatus::Active,
        created_by: user("owner"),
        created_at: Timestamp::from_millis(1),
        last_message_at: None,
        last_seq: 0,
        rev: 1,
        member_count: 6,
        message_count: 0,
        archived_at: None,
        archived_by: None,
        metadata: Map::new(),
    }
}

/// A group of people who are called by their roles, seen by one of them.
fn seen_by(caller: &str) -> Scene {
    let mut gone = member("gone", Role::Member);
    gone.left_at = Some(Timestamp::from_millis(2));
    let people = [
        member("owner", Role::Owner),
        member("admin", Role::Admin),
        member("admin-2", Role::Admin),
        member("member", Role::Member),
        member("member-2", Role::Member),
        member("readonly", Role::ReadOnly),
        gone,
    ];
    let named: HashMap<_, _> = people.map(|one| (one.user_id.clone(), one)).into();
    let caller = user(caller);
    Scene {
        view: ConversationView {
            conversation: conversation(),
            unread_count: 0,
            my_role: named[&caller].role,
        },
        named,
        heir: Some(user("admin")),
        caller,
    }
}

fn set_role(names: &[&str], role: Role) -> Altering {
    let users = users(names);
    Altering::SetRole { users, role }
}

fn remove(names: &[&str]) -> Altering {
    let users = users(names);
    Altering::Remove { users }
}

fn add(names: &[&str]) -> Altering {
    let (users, role) = (users(names), Role::Member);
    Altering::Add { users, role }
}

fn rename(title: &str) -> Altering {
    Altering::Details {
        title: Some(Some(title.to_owned())),
        metadata: None,
    }
}

#[test]
fn only_owners_and_admins_manage_a_group_and_anybody_leaves_it() {
    let managing = [
        rename("dinner"),
        Altering::Archive,
        add(&["new"]),
        remove(&["readonly"]),
        set_role(&["readonly"], Role::Member),
    ];
    for what in managing {
        for caller in ["owner", "admin"] {
            assert!(steps(&what, &seen_by(caller)).is_ok(), "{what:?}");
        }
        for caller in ["member", "readonly"] {
            let refused = steps(&what, &seen_by(caller));
            assert_eq!(refused, Err(Refusal::NotManager), "{what:?}");
        }
    }
    for caller in ["owner", "admin", "member", "readonly"] {
        assert!(steps(&Altering::Exit, &seen_by(caller)).is_ok());
    }
}

#[test]
fn who_is_in_a_direct_conversation_stays_and_either_may_archive_it() {
    for caller in ["owner", "member"] {
        let mut scene = seen_by(caller);
        scene.view.conversation.kind = Kind::Direct;
        let membership = [
            add(&["new"]),
            remove(&["member"]),
            set_role(&["member"], Role::Admin),
            Altering::Exit,
        ];
        for what in membership {
            assert_eq!(steps(&what, &scene), Err(Refusal::Direct));
        }
        assert_eq!(steps(&Altering::Archive, &scene), Ok(vec![Step::Archive]));
        let renamed = steps(&rename("dinner"), &scene);
        assert_eq!(renamed.is_ok(), caller == "owner");
    }
}

#[test]
fn an_admin_changes_neither_the_owner_nor_another_admin() {
    let scene = seen_by("admin");
    for name in ["owner", "admin-2"] {
        assert_eq!(steps(&remove(&[name]), &scene), Err(Refusal::NotOwner));
        let demoting = steps(&set_role(&[name], Role::Member), &scene);
        assert_eq!(demoting, Err(Refusal::NotOwner));
    }
    let succession = set_role(&["member"], Role::Owner);
    assert_eq!(steps(&succession, &scene), Err(Refusal::NotOwner));
    assert!(steps(&remove(&["admin"]), &scene).is_ok());
    assert!(steps(&set_role(&["admin"], Role::Member), &scene).is_ok());
    assert!(steps(&set_role(&["member"], Role::Admin), &scene).is_ok());
    let owner = seen_by("owner");
    assert!(steps(&remove(&["admin", "admin-2"]), &owner).is_ok());
    assert!(steps(&set_role(&["admin"], Role::ReadOnly), &owner).is_ok());
}

#[test]
fn there_is_one_owner_who_gives_the_place_away_or_keeps_it() {
    let scene = seen_by("owner");
    let given = steps(&set_role(&["member"], Role::Owner), &scene).unwrap();
    let expected = [
        Step::SetRole(users(&["owner"]), Role::Admin),
        Step::SetRole(users(&["member"]), Role::Owner),
    ];
    assert_eq!(given, expected);
    let kept = steps(&set_role(&["owner"], Role::Owner), &scene);
    assert_eq!(kept, Ok(vec![]));
    for what in [remove(&["owner"]), set_role(&["owner"], Role::Admin)] {
        assert_eq!(steps(&what, &scene), Err(Refusal::OwnerStays));
    }
}

#[test]
fn who_exits_leaves_the_place_to_the_heir_and_the_last_one_archives() {
    let leaves = |name| Step::Leave(users(&[name]));
    let owner = steps(&Altering::Exit, &seen_by("owner")).unwrap();
    let succession = Step::SetRole(users(&["admin"]), Role::Owner);
    assert_eq!(owner, [leaves("owner"), succession]);
    let admin = steps(&Altering::Exit, &seen_by("admin")).unwrap();
    assert_eq!(admin, [leaves("admin")]);
    let mut last = seen_by("owner");
    last.heir = None;
    let closing = steps(&Altering::Exit, &last).unwrap();
    assert_eq!(closing, [leaves("owner"), Step::Archive]);
    last.view.conversation.status = ConversationStatus::AutoArchived;
    let closed = steps(&Altering::Exit, &last).unwrap();
    assert_eq!(closed, [leaves("owner")]);
}

#[test]
fn what_is_so_already_writes_nothing() {
    let scene = seen_by("owner");
    let nothing = [
        rename("lunch"),
        Altering::Details {
            title: None,
            metadata: Some(Map::new()),
        },
        Altering::Reopen,
        add(&["member", "owner"]),
        remove(&["gone"]),
        set_role(&["member"], Role::Member),
    ];
    for what in nothing {
        assert_eq!(steps(&what, &scene), Ok(vec![]), "{what:?}");
    }
}

#[test]
fn each_is_changed_once_in_the_order_of_their_names() {
    let scene = seen_by("owner");
    let added = steps(&add(&["zoe", "gone", "zoe", "member", "amy"]), &scene);
    let new = users(&["zoe", "gone", "amy"]);
    assert_eq!(added, Ok(vec![Step::Add(new, Role::Member)]));
    let removed = steps(&remove(&["member", "gone", "member", "admin"]), &scene);
    assert_eq!(removed, Ok(vec![Step::Leave(users(&["member", "admin"]))]));
}

#[test]
fn whoever_is_no_member_is_named_in_the_refusal() {
    let scene = seen_by("owner");
    let nobody = Err(Refusal::NoMember(user("nobody")));
    assert_eq!(steps(&remove(&["member", "nobody"]), &scene), nobody);
    let set = steps(&set_role(&["member", "nobody"], Role::Admin), &scene);
    assert_eq!(set, nobody);
    let gone = steps(&set_role(&["gone"], Role::Admin), &scene);
    assert_eq!(gone, Err(Refusal::NoMember(user("gone"))));
}

#[test]
fn an_archive_lets_people_out_and_nothing_in() {
    for status in [
        ConversationStatus::Archived,
        ConversationStatus::AutoArchived,
    ] {
        let mut scene = seen_by("owner");
        scene.view.conversation.status = status;
        let archived = Err(Refusal::Archived(Box::new(scene.view.clone())));
        let details = Altering::Details {
            title: None,
            metadata: json!({"a": 1}).as_object().cloned(),
        };
        for what in [details, add(&["new"]), set_role(&["member"], Role::Admin)] {
            assert_eq!(steps(&what, &scene), archived);
        }
        assert!(steps(&remove(&["member"]), &scene).is_ok());
        assert!(steps(&Altering::Exit, &scene).is_ok());
        assert_eq!(steps(&Altering::Archive, &scene), Ok(vec![]));
        assert_eq!(steps(&Altering::Reopen, &scene), Ok(vec![Step::Reopen]));
    }
}
