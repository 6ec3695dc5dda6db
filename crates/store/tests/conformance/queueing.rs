//! Events for users who are away.

use std::time::Duration;

use switchboard_messaging::clock::{Ids, SystemIds};
use switchboard_messaging::store::{DeadLetterPage, NewQueued, QueueBounds, Viewer, WaitingEvent};
use switchboard_protocol::objects::Priority::{self, Critical, Low, Normal};
use switchboard_protocol::{OrganizationId, QueuedEventId, Timestamp};

use crate::on_both_databases;
use crate::world::{World, acme, stranger, unused_conversation, user, viewer};

on_both_databases!(
    what_is_queued_waits_as_it_was_sent,
    many_who_come_at_once_each_find_their_own,
    the_most_important_comes_first_then_the_oldest,
    the_same_call_is_queued_once,
    a_queue_takes_so_many_events_and_the_least_important_go,
    what_has_expired_goes_before_anything_else,
    a_queue_takes_so_many_bytes,
    what_has_expired_does_not_wait,
    an_attempt_is_made_by_whoever_claims_it_first,
    what_is_acknowledged_waits_no_more,
    nobody_acknowledges_what_is_somebody_elses,
    a_dead_letter_waits_no_more_until_it_is_tried_again,
    dead_letters_come_in_pages_the_newest_first,
    news_are_told_in_the_order_of_their_queueing,
    sweeping_removes_what_is_over,
    members_are_found_each_once,
    users_are_those_who_are_in_something,
    an_organization_sees_its_own_figures,
);

const PLENTY: QueueBounds = QueueBounds {
    events: 1_000,
    bytes: 1_000_000,
};
const LONG: Duration = Duration::from_hours(1);

fn id() -> QueuedEventId {
    QueuedEventId(SystemIds.next())
}

fn event(world: &World, users: &[&str], name: &str, priority: Priority) -> NewQueued {
    let at = world.now();
    NewQueued {
        organization: acme(),
        users: users.iter().map(|name| (user(name), id())).collect(),
        source: id(),
        event: name.to_owned(),
        data: format!(r#"{{"name":"{name}"}}"#),
        priority,
        at,
        expires_at: at.plus(LONG),
    }
}

async fn put(world: &World, new: &NewQueued, bounds: QueueBounds) -> (usize, usize) {
    let done = world.store.queue().enqueue(new, bounds).await.unwrap();
    (done.kept, done.dropped)
}

async fn queue(world: &World, users: &[&str], name: &str, priority: Priority) -> NewQueued {
    let new = event(world, users, name, priority);
    assert_eq!(put(world, &new, PLENTY).await, (users.len(), 0));
    new
}

async fn all_of(world: &World, viewer: &Viewer) -> Vec<WaitingEvent> {
    let now = world.now();
    world.store.queue().waiting(viewer, now).await.unwrap()
}

async fn waiting(world: &World, name: &str) -> Vec<String> {
    let all = all_of(world, &viewer(name)).await;
    all.into_iter().map(|one| one.event.event).collect()
}

async fn what_is_queued_waits_as_it_was_sent(world: World) {
    let mut new = event(&world, &["ann", "ben"], "odd", Critical);
    r#"{"z":1,"a":[1.50,"\u0000",null,"'"]}"#.clone_into(&mut new.data);
    assert_eq!(put(&world, &new, PLENTY).await, (2, 0));
    let all = all_of(&world, &viewer("ann")).await;
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!(one.event.id, new.users[0].1);
    assert_eq!(one.event.event, "odd");
    let data: serde_json::Value = serde_json::from_str(&new.data).unwrap();
    assert_eq!((&one.event.data, one.event.priority), (&data, Critical));
    assert_eq!((one.event.created_at, one.attempts), (new.at, 0));
    assert_eq!(one.next_at, new.at);
    assert_eq!(waiting(&world, "ben").await, ["odd"]);
    assert_eq!(waiting(&world, "cleo").await, [""; 0]);
    assert_eq!(all_of(&world, &stranger("ann")).await, []);
    let ann = viewer("ann");
    let length = world.store.queue().queue_length(&ann, world.now());
    assert_eq!(length.await.unwrap(), 1);
}

async fn many_who_come_at_once_each_find_their_own(world: World) {
    let names: Vec<String> = (0..70).map(|n| format!("guest-{n}")).collect();
    let mut expected = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let own = world.group(name, &[]).await;
        let with_ann = world.group("ann", &[name.as_str()]).await;
        for _ in 0..n % 3 {
            world.say("ann", with_ann, "hello").await;
        }
        queue(&world, &[name.as_str()], &format!("for {name}"), Normal).await;
        let newest = if n % 3 == 0 {
            vec![with_ann, own]
        } else {
            vec![with_ann]
        };
        expected.push((newest, (n % 3) as i64, vec![format!("for {name}")]));
    }
    // Some come twice, and ask for more or less.
    let coming = names.iter().zip(0..).chain(names.iter().zip(0..).take(5));
    let found = coming.map(async |(name, n)| {
        let (world, viewer) = (&world, viewer(name));
        let limit = if n % 3 == 0 { 100 } else { 1 };
        let organization = viewer.organization.clone();
        let users = [viewer.user.clone()];
        let (heads, unread, queued) = futures_util::join!(
            world.store.heads_of(&viewer, limit),
            world.store.all_unread_of(&organization, &users),
            waiting(world, name),
        );
        let heads: Vec<_> = heads.unwrap().iter().map(|h| h.conversation).collect();
        let unread = unread.unwrap().iter().map(|one| one.count).sum();
        (n, (heads, unread, queued))
    });
    for (n, found) in futures_util::future::join_all(found).await {
        assert_eq!(found, expected[n], "{}", names[n]);
    }
}

async fn the_most_important_comes_first_then_the_oldest(world: World) {
    for (name, priority) in [
        ("low", Low),
        ("first", Normal),
        ("urgent", Critical),
        ("second", Normal),
    ] {
        queue(&world, &["ann"], name, priority).await;
    }
    let names = waiting(&world, "ann").await;
    assert_eq!(names, ["urgent", "first", "second", "low"]);
}

async fn the_same_call_is_queued_once(world: World) {
    let mut new = queue(&world, &["ann"], "once", Normal).await;
    new.users = vec![(user("ann"), id()), (user("ben"), id())];
    assert_eq!(put(&world, &new, PLENTY).await, (2, 0));
    assert_eq!(waiting(&world, "ann").await, ["once"]);
    assert_eq!(waiting(&world, "ben").await, ["once"]);
}

async fn a_queue_takes_so_many_events_and_the_least_important_go(world: World) {
    let three = QueueBounds {
        events: 3,
        ..PLENTY
    };
    for (name, priority) in [("low", Low), ("old", Normal), ("new", Normal)] {
        let new = event(&world, &["ann", "ben"], name, priority);
        assert_eq!(put(&world, &new, three).await, (2, 0));
    }
    let urgent = event(&world, &["ann"], "urgent", Critical);
    assert_eq!(put(&world, &urgent, three).await, (1, 1));
    assert_eq!(waiting(&world, "ann").await, ["urgent", "old", "new"]);
    let newest = event(&world, &["ann"], "newest", Normal);
    assert_eq!(put(&world, &newest, three).await, (1, 1));
    assert_eq!(waiting(&world, "ann").await, ["urgent", "new", "newest"]);
    // It is itself the least important.
    let late = event(&world, &["ann"], "late", Low);
    assert_eq!(put(&world, &late, three).await, (0, 1));
    assert_eq!(waiting(&world, "ann").await, ["urgent", "new", "newest"]);
    assert_eq!(waiting(&world, "ben").await, ["old", "new", "low"]);
}

async fn what_has_expired_goes_before_anything_else(world: World) {
    let two = QueueBounds {
        events: 2,
        ..PLENTY
    };
    let mut over = event(&world, &["ann"], "over", Critical);
    over.expires_at = over.at;
    put(&world, &over, two).await;
    for name in ["one", "two"] {
        put(&world, &event(&world, &["ann"], name, Low), two).await;
    }
    assert_eq!(waiting(&world, "ann").await, ["one", "two"]);
}

async fn a_queue_takes_so_many_bytes(world: World) {
    let (one, other) = (
        event(&world, &["ann"], "one", Normal),
        event(&world, &["ann"], "two", Normal),
    );
    let bytes = (one.data.len() + other.data.len()) as i64;
    let just = QueueBounds { bytes, ..PLENTY };
    assert_eq!(put(&world, &one, just).await, (1, 0));
    assert_eq!(put(&world, &other, just).await, (1, 0));
    assert_eq!(waiting(&world, "ann").await, ["one", "two"]);
    let just_not = QueueBounds {
        bytes: bytes - 1,
        ..PLENTY
    };
    assert_eq!(put(&world, &other, just_not).await, (1, 1));
    assert_eq!(waiting(&world, "ann").await, ["two"]);
}

async fn what_has_expired_does_not_wait(world: World) {
    let mut new = event(&world, &["ann"], "short", Normal);
    new.expires_at = new.at.plus(Duration::from_secs(1));
    put(&world, &new, PLENTY).await;
    let at = |millis| new.at.plus(Duration::from_millis(millis));
    let queue = world.store.queue();
    let left = async |now: Timestamp| {
        let waiting = queue.waiting(&viewer("ann"), now).await.unwrap().len() as i64;
        assert_eq!(
            queue.queue_length(&viewer("ann"), now).await.unwrap(),
            waiting
        );
        waiting
    };
    assert_eq!((left(at(999)).await, left(at(1_000)).await), (1, 0));
}

async fn an_attempt_is_made_by_whoever_claims_it_first(world: World) {
    let new = queue(&world, &["ann"], "event", Normal).await;
    let ids = [new.users[0].1, id()];
    let (here, there) = (&world.store, world.another_node().await);
    let later = world.now().plus(LONG);
    let ann = viewer("ann");
    let (one, other) = tokio::join!(
        here.queue().claim_attempt(&ann, &ids, 0, later),
        there.queue().claim_attempt(&ann, &ids, 0, later),
    );
    assert_eq!([one.unwrap(), other.unwrap()].concat(), [ids[0]]);
    let all = all_of(&world, &ann).await;
    assert_eq!((all[0].attempts, all[0].next_at), (1, later));
    let stranger = stranger("ann");
    let theirs = here.queue().claim_attempt(&stranger, &ids, 1, later);
    assert_eq!(theirs.await.unwrap(), []);
}

async fn what_is_acknowledged_waits_no_more(world: World) {
    let one = queue(&world, &["ann", "ben"], "one", Normal).await;
    queue(&world, &["ann"], "two", Normal).await;
    let (queue, ann) = (world.store.queue(), viewer("ann"));
    let acknowledge = async |ids: &[QueuedEventId]| {
        let left = queue.acknowledge(&ann, ids, world.now()).await;
        left.unwrap()
    };
    assert_eq!(acknowledge(&[one.users[0].1, id()]).await, 1);
    assert_eq!(acknowledge(&[one.users[0].1]).await, 1);
    assert_eq!(waiting(&world, "ann").await, ["two"]);
    assert_eq!(waiting(&world, "ben").await, ["one"]);
}

async fn nobody_acknowledges_what_is_somebody_elses(world: World) {
    let new = queue(&world, &["ann"], "event", Normal).await;
    let id = [new.users[0].1];
    let queue = world.store.queue();
    for other in [viewer("ben"), stranger("ann")] {
        let left = queue.acknowledge(&other, &id, world.now()).await;
        assert_eq!(left.unwrap(), 0);
    }
    assert_eq!(waiting(&world, "ann").await, ["event"]);
}

async fn a_dead_letter_waits_no_more_until_it_is_tried_again(world: World) {
    let new = queue(&world, &["ann"], "event", Normal).await;
    let (id, ann, queue) = (new.users[0].1, viewer("ann"), world.store.queue());
    let given_up = queue.give_up(&ann, &[id], 7, world.now()).await;
    assert_eq!(given_up.unwrap(), 0);
    let failed_at = world.now();
    let given_up = queue.give_up(&ann, &[id], 0, failed_at).await;
    assert_eq!(given_up.unwrap(), 1);
    assert_eq!(waiting(&world, "ann").await, [""; 0]);

    let page = DeadLetterPage {
        user: None,
        after: None,
        limit: 10,
    };
    let dead = queue.dead_letters(&acme(), &page).await.unwrap();
    let [letter] = &dead[..] else {
        panic!("{dead:?}")
    };
    assert_eq!((letter.id, &letter.user_id), (id, &user("ann")));
    assert_eq!((letter.event.as_str(), letter.attempts), ("event", 0));
    assert_eq!((letter.failed_at, letter.created_at), (failed_at, new.at));
    let globex = stranger("ann").organization;
    assert_eq!(queue.dead_letters(&globex, &page).await.unwrap(), []);

    let (now, until) = (world.now(), world.now().plus(LONG));
    let retry = async |organization: &OrganizationId| {
        let retried = queue.retry_dead_letter(organization, id, now, until);
        retried.await.unwrap()
    };
    assert_eq!(retry(&globex).await, None);
    assert_eq!(retry(&acme()).await, Some(user("ann")));
    assert_eq!(retry(&acme()).await, None);
    let all = all_of(&world, &ann).await;
    assert_eq!((all[0].event.id, all[0].attempts), (id, 0));
    assert_eq!(all[0].next_at, now);

    // Who acknowledges it after all is not bothered again.
    queue.give_up(&ann, &[id], 0, world.now()).await.unwrap();
    queue.acknowledge(&ann, &[id], world.now()).await.unwrap();
    assert_eq!(queue.dead_letters(&acme(), &page).await.unwrap(), []);
}

async fn dead_letters_come_in_pages_the_newest_first(world: World) {
    let at = world.now();
    for (number, name) in ["ann", "ben", "ann", "ben", "ann"].into_iter().enumerate() {
        let new = queue(&world, &[name], &number.to_string(), Normal).await;
        // Two at the same moment.
        let failed_at = at.plus(Duration::from_secs(number as u64 / 2));
        let ids = [new.users[0].1];
        let whose = viewer(name);
        let given_up = world.store.queue().give_up(&whose, &ids, 0, failed_at);
        given_up.await.unwrap();
    }
    let mut page = DeadLetterPage {
        user: None,
        after: None,
        limit: 2,
    };
    let mut names = Vec::new();
    loop {
        let dead = world.store.queue().dead_letters(&acme(), &page).await;
        let dead = dead.unwrap();
        let Some(last) = dead.last() else { break };
        page.after = Some((last.failed_at, last.id));
        names.extend(dead.into_iter().map(|letter| letter.event));
    }
    assert_eq!(names, ["4", "3", "2", "1", "0"]);
    let of_ann = DeadLetterPage {
        user: Some(user("ann")),
        after: None,
        limit: 10,
    };
    let dead = world.store.queue().dead_letters(&acme(), &of_ann).await;
    let names: Vec<_> = dead.unwrap().into_iter().map(|one| one.event).collect();
    assert_eq!(names, ["4", "2", "0"]);
}

async fn news_are_told_in_the_order_of_their_queueing(world: World) {
    let first = queue(&world, &["ann"], "one", Normal).await;
    queue(&world, &["ben"], "two", Normal).await;
    let third = queue(&world, &["ann"], "three", Normal).await;
    let store_queue = world.store.queue();
    let news = async |after, limit| store_queue.queue_news(after, limit).await.unwrap();
    let since = news(first.at, 10).await;
    let whose: Vec<_> = since
        .iter()
        .map(|(viewer, _)| viewer.user.as_str())
        .collect();
    assert_eq!(whose, ["ben", "ann"]);
    assert_eq!(since[1], (viewer("ann"), third.at));
    assert_eq!(news(first.at, 1).await.len(), 1);
    assert_eq!(news(third.at, 10).await, []);
    // A dead letter is news when it is tried again, and not before.
    let id = third.users[0].1;
    store_queue
        .give_up(&viewer("ann"), &[id], 0, world.now())
        .await
        .unwrap();
    assert_eq!(news(first.at, 10).await.len(), 1);
    let now = world.now();
    let organization = acme();
    let retried = store_queue.retry_dead_letter(&organization, id, now, now.plus(LONG));
    retried.await.unwrap();
    assert_eq!(news(third.at, 10).await, [(viewer("ann"), now)]);
}

async fn sweeping_removes_what_is_over(world: World) {
    let mut short = event(&world, &["ann"], "short", Normal);
    short.expires_at = short.at.plus(Duration::from_secs(1));
    put(&world, &short, PLENTY).await;
    queue(&world, &["ann"], "long", Normal).await;
    let dead = queue(&world, &["ben"], "dead", Normal).await;
    let (ids, failed_at) = ([dead.users[0].1], world.now());
    let store_queue = world.store.queue();
    store_queue
        .give_up(&viewer("ben"), &ids, 0, failed_at)
        .await
        .unwrap();
    let sweep = async |after: Duration| {
        let depths = store_queue.sweep_queue(failed_at.plus(after), LONG / 2);
        let depths = depths.await.unwrap();
        (depths.waiting, depths.dead, depths.expired)
    };
    assert_eq!(sweep(Duration::ZERO).await, (2, 1, 0));
    assert_eq!(sweep(Duration::from_secs(1)).await, (1, 1, 1));
    let half = LONG / 2;
    let just_under = half.saturating_sub(Duration::from_millis(1));
    assert_eq!(sweep(just_under).await, (1, 1, 0));
    assert_eq!(sweep(half).await, (1, 0, 0));
}

async fn members_are_found_each_once(world: World) {
    let one = world.group("ann", &["ben", "cleo"]).await;
    let other = world.group("ben", &["dan"]).await;
    world.remove("cleo", one).await;
    let queue = world.store.queue();
    let members = async |ids: &[_], limit| queue.members_of(&acme(), ids, limit).await.unwrap();
    let names = |names: &[&str]| Some(names.iter().map(|name| user(name)).collect::<Vec<_>>());
    assert_eq!(members(&[one], 10).await, names(&["ann", "ben"]));
    let both = members(&[one, other, one], 10).await;
    assert_eq!(both, names(&["ann", "ben", "dan"]));
    assert_eq!(members(&[one, other], 2).await, names(&["ann", "ben"]));
    assert_eq!(members(&[one, unused_conversation()], 10).await, None);
    let globex = stranger("ann").organization;
    assert_eq!(queue.members_of(&globex, &[one], 10).await.unwrap(), None);
}

async fn users_are_those_who_are_in_something(world: World) {
    let one = world.group("ann", &["ben", "cleo"]).await;
    world.group("ben", &["dan"]).await;
    world.remove("cleo", one).await;
    let queue = world.store.queue();
    let users = queue.users_of(&acme(), 10).await.unwrap();
    assert_eq!(users, ["ann", "ben", "dan"].map(user));
    assert_eq!(queue.users_of(&acme(), 2).await.unwrap().len(), 2);
    let globex = stranger("ann").organization;
    assert_eq!(queue.users_of(&globex, 10).await.unwrap(), []);
}

async fn an_organization_sees_its_own_figures(world: World) {
    let one = world.group("ann", &["ben"]).await;
    let old = world.group("ann", &["cleo"]).await;
    world.say("ann", one, "hello").await;
    world.archive(old).await;
    queue(&world, &["ann", "ben"], "one", Normal).await;
    let dead = queue(&world, &["ann"], "dead", Normal).await;
    let ids = [dead.users[0].1];
    let store_queue = world.store.queue();
    store_queue
        .give_up(&viewer("ann"), &ids, 0, world.now())
        .await
        .unwrap();
    let stats = async |organization| {
        let stats = store_queue.service_stats(&organization, world.now());
        stats.await.unwrap()
    };
    let own = stats(acme()).await;
    assert_eq!(
        (own.conversations.active, own.conversations.archived),
        (1, 1)
    );
    assert_eq!((own.conversations.messages, own.users), (1, 3));
    assert_eq!((own.queue.waiting, own.queue.users), (2, 2));
    assert_eq!(own.queue.dead_letters, 1);
    let theirs = stats(stranger("ann").organization).await;
    assert_eq!(
        theirs,
        switchboard_protocol::service::ServiceStats::default()
    );
}
