//! Revocations: kept until they are over, and found by when they were made.

use switchboard_messaging::revocations::{Revocation, Revoked};
use switchboard_protocol::{OrganizationId, Timestamp};

use crate::on_both_databases;
use crate::world::{World, user};

on_both_databases![
    revocations_are_read_back_by_every_node_as_they_were_made,
    only_what_was_made_since_a_moment_and_is_not_over_is_read,
    the_later_of_two_of_the_same_thing_counts,
    what_is_over_is_forgotten,
];

const EVER: Timestamp = Timestamp::from_millis(0);

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

fn revocation(name: &str, what: Revoked, second: i64) -> Revocation {
    Revocation {
        organization: OrganizationId::new(name).unwrap(),
        what,
        at: at(second),
        expires_at: at(second + 100),
    }
}

fn token(jti: &str) -> Revoked {
    let jti = jti.to_owned();
    Revoked::Token { jti }
}

fn tokens(before: Timestamp) -> Revoked {
    let user = user("alice");
    Revoked::Tokens { user, before }
}

async fn read(world: &World, since: Timestamp, now: Timestamp) -> Vec<Revocation> {
    let mut all = world.store.revocations(since, now).await.unwrap();
    all.sort_by_key(|one| (one.at, one.organization.clone()));
    all
}

async fn revocations_are_read_back_by_every_node_as_they_were_made(world: World) {
    let (alice, reason) = (user("alice"), Some("bye – 👋".to_owned()));
    let sockets = Revoked::Sockets {
        user: alice.clone(),
        reason,
    };
    let quietly = Revoked::Sockets {
        user: alice,
        reason: None,
    };
    // A `jti` may look like a user.
    let made = [
        revocation("acme", token("alice"), 1),
        revocation("acme", tokens(at(-5)), 2),
        revocation("acme", sockets, 3),
        revocation("globex", quietly, 4),
    ];
    for one in &made {
        world.store.revoke(one).await.unwrap();
    }
    assert_eq!(read(&world, EVER, at(5)).await, made);
    let other = world.another_node().await;
    assert_eq!(other.revocations(EVER, at(5)).await.unwrap().len(), 4);
}

async fn only_what_was_made_since_a_moment_and_is_not_over_is_read(world: World) {
    for second in 1..=3 {
        let one = revocation("acme", token(&format!("t{second}")), second);
        world.store.revoke(&one).await.unwrap();
    }
    let times = async |since, now| -> Vec<Timestamp> {
        read(&world, since, now)
            .await
            .iter()
            .map(|one| one.at)
            .collect()
    };
    assert_eq!(times(at(2), at(3)).await, [at(2), at(3)]);
    assert_eq!(times(EVER, at(101)).await, [at(2), at(3)]);
    assert_eq!(times(EVER, at(103)).await, []);
}

async fn the_later_of_two_of_the_same_thing_counts(world: World) {
    let later = revocation("acme", tokens(at(10)), 1);
    let earlier = Revocation {
        expires_at: at(50),
        ..revocation("acme", tokens(at(5)), 2)
    };
    for one in [&later, &earlier] {
        world.store.revoke(one).await.unwrap();
    }
    // It is news, though it changes nothing.
    let expected = Revocation { at: at(2), ..later };
    assert_eq!(read(&world, at(2), at(3)).await, [expected]);
    let again = revocation("acme", tokens(at(20)), 30);
    world.store.revoke(&again).await.unwrap();
    assert_eq!(read(&world, EVER, at(30)).await, [again]);
}

async fn what_is_over_is_forgotten(world: World) {
    for second in 1..=2 {
        let one = revocation("acme", token(&format!("t{second}")), second);
        world.store.revoke(&one).await.unwrap();
    }
    assert_eq!(world.store.forget_revocations(at(100)).await.unwrap(), 0);
    assert_eq!(world.store.forget_revocations(at(101)).await.unwrap(), 1);
    let left = read(&world, EVER, at(3)).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].what, token("t2"));
}
