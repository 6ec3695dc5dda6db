//! Requests that come again with the same key.

use std::time::Duration;

use switchboard_messaging::clock::{Ids, SystemIds};
use switchboard_messaging::store::{Begun, NewRequest, Viewer};

use crate::on_both_databases;
use crate::world::{World, stranger, viewer};

on_both_databases!(
    a_request_is_carried_out_once_and_answered_again,
    of_two_at_once_one_is_carried_out,
    a_key_is_its_callers,
    a_key_that_was_used_for_something_else_is_told_apart,
    what_was_begun_by_somebody_who_died_is_taken_over,
    what_failed_for_a_reason_of_ours_is_taken_over_at_once,
    what_came_to_nothing_is_forgotten,
    a_request_is_forgotten_after_its_time,
);

const KEPT: Duration = Duration::from_hours(24);
const ABANDONED: Duration = Duration::from_mins(1);

fn request(world: &World, caller: &Viewer, key: &str) -> NewRequest {
    after(world, caller, key, Duration::ZERO)
}

fn after(world: &World, caller: &Viewer, key: &str, time: Duration) -> NewRequest {
    let now = world.now();
    let abandoned = now.as_millis() + time.as_millis() as i64 - ABANDONED.as_millis() as i64;
    NewRequest {
        caller: caller.clone(),
        key: key.to_owned(),
        fingerprint: "this".to_owned(),
        id: SystemIds.next(),
        at: now.plus(time),
        abandoned_before: switchboard_protocol::Timestamp::from_millis(abandoned),
        expires_at: now.plus(time).plus(KEPT),
    }
}

async fn begin(world: &World, new: &NewRequest) -> Begun {
    world.store.requests().begin_request(new).await.unwrap()
}

async fn a_request_is_carried_out_once_and_answered_again(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    assert_eq!(begin(&world, &new).await, Begun::New(new.id));
    let again = request(&world, &viewer("svc"), "k");
    assert_eq!(begin(&world, &again).await, Begun::UnderWay);
    let requests = world.store.requests();
    let answer = (202, r#"{"a":1}"#);
    let done = requests.finish_request(&new.caller, "k", new.id, answer);
    done.await.unwrap();
    let body = answer.1.to_owned();
    let first = Begun::Done { status: 202, body };
    assert_eq!(begin(&world, &again).await, first);
    // What is done is not undone.
    let undo = requests.abandon_request(&new.caller, "k", new.id, true);
    undo.await.unwrap();
    assert_eq!(begin(&world, &again).await, first);
}

async fn of_two_at_once_one_is_carried_out(world: World) {
    let other = world.another_node().await;
    let (one, two) = (
        request(&world, &viewer("svc"), "k"),
        request(&world, &viewer("svc"), "k"),
    );
    let (left, right) = tokio::join!(begin(&world, &one), other.requests().begin_request(&two));
    let mut both = [left, right.unwrap()];
    both.sort_by_key(|begun| *begun == Begun::UnderWay);
    assert!(matches!(both[0], Begun::New(_)), "{both:?}");
    assert_eq!(both[1], Begun::UnderWay);
}

async fn a_key_is_its_callers(world: World) {
    for caller in [viewer("svc"), viewer("other"), stranger("svc")] {
        let new = request(&world, &caller, "k");
        assert_eq!(begin(&world, &new).await, Begun::New(new.id));
    }
}

async fn a_key_that_was_used_for_something_else_is_told_apart(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    begin(&world, &new).await;
    let mut other = request(&world, &viewer("svc"), "k");
    "that".clone_into(&mut other.fingerprint);
    assert_eq!(begin(&world, &other).await, Begun::Other);
}

async fn what_was_begun_by_somebody_who_died_is_taken_over(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    begin(&world, &new).await;
    let early = after(&world, &viewer("svc"), "k", ABANDONED / 2);
    assert_eq!(begin(&world, &early).await, Begun::UnderWay);
    let mut other = after(&world, &viewer("svc"), "k", ABANDONED);
    "that".clone_into(&mut other.fingerprint);
    assert_eq!(begin(&world, &other).await, Begun::Other);
    let late = after(&world, &viewer("svc"), "k", ABANDONED);
    assert_eq!(begin(&world, &late).await, Begun::New(new.id));
    let later = after(&world, &viewer("svc"), "k", ABANDONED);
    assert_eq!(begin(&world, &later).await, Begun::UnderWay);
}

async fn what_failed_for_a_reason_of_ours_is_taken_over_at_once(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    begin(&world, &new).await;
    let failed = world
        .store
        .requests()
        .abandon_request(&new.caller, "k", new.id, false);
    failed.await.unwrap();
    let again = request(&world, &viewer("svc"), "k");
    assert_eq!(begin(&world, &again).await, Begun::New(new.id));
}

async fn what_came_to_nothing_is_forgotten(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    begin(&world, &new).await;
    let refused = world
        .store
        .requests()
        .abandon_request(&new.caller, "k", new.id, true);
    refused.await.unwrap();
    let mut other = request(&world, &viewer("svc"), "k");
    "that".clone_into(&mut other.fingerprint);
    assert_eq!(begin(&world, &other).await, Begun::New(other.id));
}

async fn a_request_is_forgotten_after_its_time(world: World) {
    let new = request(&world, &viewer("svc"), "k");
    begin(&world, &new).await;
    let requests = world.store.requests();
    requests
        .finish_request(&new.caller, "k", new.id, (200, "{}"))
        .await
        .unwrap();
    let just_under = KEPT.saturating_sub(Duration::from_secs(1));
    let before = after(&world, &viewer("svc"), "k", just_under);
    assert!(matches!(begin(&world, &before).await, Begun::Done { .. }));
    let late = after(&world, &viewer("svc"), "k", KEPT);
    assert_eq!(begin(&world, &late).await, Begun::New(late.id));
}
