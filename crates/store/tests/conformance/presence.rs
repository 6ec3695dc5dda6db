//! When users were there.

use switchboard_messaging::store::{PresenceRecord, Viewer};
use switchboard_protocol::PresenceStatus::{self, Away, Busy, Offline, Online};
use switchboard_protocol::{OrganizationId, Timestamp};

use crate::on_both_databases;
use crate::world::{World, user, viewer};

on_both_databases! {
    records_of_a_time_come_with_the_one_that_counts_at_its_beginning,
    a_repetition_and_another_order_change_nothing,
    others_and_other_organizations_are_apart,
    a_node_that_begins_alone_ends_everybodys_sessions,
    what_is_too_old_is_deleted_in_pieces,
    a_batch_may_be_large_or_empty,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + ms)
}

fn record(name: &str, ms: i64, status: PresenceStatus) -> PresenceRecord {
    PresenceRecord {
        whose: Some(viewer(name)),
        at: at(ms),
        status,
    }
}

impl World {
    async fn records(&self, of: &Viewer, from: i64, to: i64) -> Vec<(i64, PresenceStatus)> {
        let found = self.store.presence_records(of, (at(from), at(to)), 100);
        let found = found.await.unwrap().into_iter();
        let since = at(0).as_millis();
        found
            .map(|(at, status)| (at.as_millis() - since, status))
            .collect()
    }
}

async fn records_of_a_time_come_with_the_one_that_counts_at_its_beginning(world: World) {
    let all = [
        record("ann", 0, Online),
        record("ann", 100, Away),
        record("ann", 200, Online),
        record("ann", 301, Offline),
    ];
    world.store.record_presence(&all).await.unwrap();
    let of = |from, to| {
        let world = &world;
        async move { world.records(&viewer("ann"), from, to).await }
    };
    assert_eq!(of(150, 301).await, [(100, Away), (200, Online)]);
    assert_eq!(
        of(150, 302).await,
        [(100, Away), (200, Online), (301, Offline)]
    );
    assert_eq!(of(100, 200).await, [(100, Away)]);
    assert_eq!(of(-50, 50).await, [(0, Online)]);
    assert_eq!(of(1_000, 2_000).await, [(301, Offline)]);
    assert_eq!(of(-50, 0).await, []);
    let span = (at(0), at(1_000));
    let some = world.store.presence_records(&viewer("ann"), span, 2).await;
    assert_eq!(some.unwrap().len(), 2);
}

async fn a_repetition_and_another_order_change_nothing(world: World) {
    let late = [record("ann", 200, Busy), record("ann", 100, Away)];
    world.store.record_presence(&late).await.unwrap();
    let early = [record("ann", 0, Online), record("ann", 100, Away)];
    world.store.record_presence(&early).await.unwrap();
    // Of one moment the last word counts.
    let twice = [record("ann", 300, Busy), record("ann", 300, Offline)];
    world.store.record_presence(&twice).await.unwrap();
    let found = world.records(&viewer("ann"), 0, 1_000).await;
    assert_eq!(
        found,
        [(0, Online), (100, Away), (200, Busy), (300, Offline)]
    );
}

async fn others_and_other_organizations_are_apart(world: World) {
    let namesake = Viewer {
        organization: OrganizationId::new("globex").unwrap(),
        user: user("ann"),
    };
    let mut foreign = record("ann", 5, Busy);
    foreign.whose = Some(namesake.clone());
    let all = [record("ann", 0, Online), record("bob", 3, Away), foreign];
    world.store.record_presence(&all).await.unwrap();
    assert_eq!(world.records(&viewer("ann"), 0, 100).await, [(0, Online)]);
    assert_eq!(world.records(&viewer("bob"), 0, 100).await, [(3, Away)]);
    assert_eq!(world.records(&namesake, 0, 100).await, [(5, Busy)]);
}

async fn a_node_that_begins_alone_ends_everybodys_sessions(world: World) {
    let began = PresenceRecord {
        whose: None,
        at: at(50),
        status: Offline,
    };
    let all = [record("ann", 0, Online), began, record("ann", 70, Online)];
    world.store.record_presence(&all).await.unwrap();
    let found = world.records(&viewer("ann"), 0, 100).await;
    assert_eq!(found, [(0, Online), (50, Offline), (70, Online)]);
    assert_eq!(
        world.records(&viewer("ann"), 60, 100).await[0],
        (50, Offline)
    );
}

async fn what_is_too_old_is_deleted_in_pieces(world: World) {
    let all: Vec<_> = (0..10).map(|ms| record("ann", ms, Online)).collect();
    world.store.record_presence(&all).await.unwrap();
    let forget = async |limit| world.store.forget_presence(at(8), limit).await.unwrap();
    assert_eq!(forget(5).await, 5);
    assert_eq!(forget(5).await, 3);
    assert_eq!(forget(5).await, 0);
    let left = world.records(&viewer("ann"), 0, 100).await;
    assert_eq!(left, [(8, Online), (9, Online)]);
}

async fn a_batch_may_be_large_or_empty(world: World) {
    world.store.record_presence(&[]).await.unwrap();
    let all: Vec<_> = (0..500)
        .map(|n| record(&format!("user-{n}"), n, Online))
        .collect();
    world.store.record_presence(&all).await.unwrap();
    let last = world.records(&viewer("user-499"), 0, 1_000).await;
    assert_eq!(last, [(499, Online)]);
}
