use std::collections::BTreeSet;

use super::*;
use crate::store::Viewer;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

fn actor(user: &str, organization: &str) -> Actor {
    Actor {
        viewer: Viewer {
            organization: OrganizationId::new(organization).unwrap(),
            user: UserId::new(user).unwrap(),
        },
        roles: BTreeSet::new(),
        device: None,
        token_id: Some("t1".to_owned()),
        issued_at: Some(at(0)),
        expires_at: at(1_000),
    }
}

fn revoked(what: Revoked, made: Timestamp) -> Revocation {
    Revocation {
        organization: OrganizationId::new("acme").unwrap(),
        what,
        at: made,
        expires_at: at(100),
    }
}

fn alice() -> UserId {
    UserId::new("alice").unwrap()
}

fn token(jti: &str) -> Revoked {
    let jti = jti.to_owned();
    Revoked::Token { jti }
}

fn tokens(before: Timestamp) -> Revoked {
    let user = alice();
    Revoked::Tokens { user, before }
}

fn sockets() -> Revoked {
    let (user, reason) = (alice(), Some("bye".to_owned()));
    Revoked::Sockets { user, reason }
}

#[test]
fn a_token_is_revoked_by_its_id_in_its_own_organization() {
    let known = Revocations::default();
    assert!(!known.is_token_revoked(&actor("alice", "acme")));
    assert!(known.learn(&revoked(token("t1"), at(1)), at(1)));
    assert!(!known.learn(&revoked(token("t1"), at(1)), at(2)), "no news");
    assert!(known.is_token_revoked(&actor("alice", "acme")));
    assert!(!known.is_token_revoked(&actor("alice", "globex")));
    let other = Actor {
        token_id: Some("t2".to_owned()),
        ..actor("alice", "acme")
    };
    assert!(!known.is_token_revoked(&other));
    let without = Actor {
        token_id: None,
        ..actor("alice", "acme")
    };
    assert!(!known.is_token_revoked(&without));
}

#[test]
fn a_users_tokens_are_revoked_that_were_issued_before_a_moment_or_do_not_say_when() {
    let known = Revocations::default();
    known.learn(&revoked(tokens(at(10)), at(10)), at(10));
    let issued = |issued_at| Actor {
        issued_at,
        ..actor("alice", "acme")
    };
    let last = Timestamp::from_millis(at(10).as_millis() - 1);
    assert!(known.is_token_revoked(&issued(Some(last))));
    assert!(!known.is_token_revoked(&issued(Some(at(10)))));
    assert!(known.is_token_revoked(&issued(None)));
    assert!(!known.is_token_revoked(&actor("bob", "acme")));
    assert!(!known.is_token_revoked(&actor("alice", "globex")));
    // An earlier moment takes nothing back.
    assert!(!known.learn(&revoked(tokens(at(5)), at(11)), at(11)));
    assert!(known.is_token_revoked(&issued(Some(last))));
    assert!(known.learn(&revoked(tokens(at(20)), at(20)), at(20)));
    assert!(known.is_token_revoked(&issued(Some(at(10)))));
}

#[test]
fn who_is_sent_away_may_come_back() {
    let known = Revocations::default();
    assert!(known.learn(&revoked(sockets(), at(10)), at(10)));
    let alice = actor("alice", "acme");
    assert!(!known.is_token_revoked(&alice));
    let told = known.objection(&alice, at(10)).unwrap();
    assert_eq!(
        (told.code, told.message.as_str()),
        (ErrorCode::Unauthenticated, "bye")
    );
    let back = Timestamp::from_millis(at(10).as_millis() + 1);
    assert_eq!(known.objection(&alice, back), None);
    assert_eq!(known.objection(&actor("bob", "acme"), at(10)), None);
    assert!(!known.learn(&revoked(sockets(), at(10)), at(12)), "no news");
    assert_eq!(known.objection(&alice, back), None);
}

#[test]
fn a_node_that_hears_late_sends_away_those_who_were_there_and_not_those_who_came_back() {
    let known = Revocations::default();
    known.learn(&revoked(sockets(), at(10)), at(60));
    let alice = actor("alice", "acme");
    assert!(known.objection(&alice, at(9)).is_some());
    // Clocks may differ by a few seconds.
    assert!(known.objection(&alice, at(15)).is_some());
    assert_eq!(known.objection(&alice, at(16)), None);
}

#[test]
fn what_is_over_is_forgotten_and_not_learned_again() {
    let known = Revocations::default();
    for what in [token("t1"), tokens(at(10)), sockets()] {
        assert!(known.learn(&revoked(what, at(10)), at(10)));
    }
    known.forget_those_over(at(99));
    assert!(known.is_token_revoked(&actor("bob", "acme")));
    known.forget_those_over(at(100));
    assert!(known.lock().is_empty());
    assert!(!known.learn(&revoked(token("t1"), at(10)), at(100)));
    assert!(known.lock().is_empty());
}

#[test]
fn a_revocation_goes_from_node_to_node_as_it_is() {
    for what in [token("t1"), tokens(at(10)), sockets()] {
        let made = revoked(what, at(10));
        let json = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<Revocation>(&json).unwrap(), made);
    }
}
