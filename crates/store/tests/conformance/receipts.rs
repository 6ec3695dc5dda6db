//! Watermarks.

use sqlx::{Connection, PgConnection};
use switchboard_messaging::store::ReceiptKind::{Delivered, Read};
use switchboard_messaging::store::{Advanced, Refusal};
use switchboard_protocol::Member;

use crate::on_both_databases;
use crate::world::{World, acme, refusal, unused_conversation, user, viewer};

on_both_databases!(
    a_watermark_only_moves_forward,
    reading_is_delivery_too,
    a_watermark_may_be_at_the_last_message_but_not_beyond,
    a_receipt_is_a_sign_of_life,
    unread_is_what_others_said_since,
    unread_sums_up_over_active_conversations,
    receipts_are_refused,
    receipts_take_no_rev,
    one_of_several_devices_moves_a_watermark,
    receipts_that_come_together_come_to_what_they_would_alone,
);

fn marks(delivered_seq: i64, read_seq: i64, unread_count: i64, moved: bool) -> Advanced {
    Advanced {
        delivered_seq,
        read_seq,
        unread_count,
        moved,
        member_count: 2,
    }
}

async fn a_watermark_only_moves_forward(world: World) {
    let to = world.group("ann", &["ben"]).await;
    for text in ["one", "two", "three"] {
        world.say("ann", to, text).await;
    }
    let mark = async |kind, seq| world.mark(kind, "ben", to, seq).await.unwrap();
    assert_eq!(mark(Delivered, 0).await, marks(0, 0, 3, false));
    assert_eq!(mark(Delivered, 2).await, marks(2, 0, 3, true));
    assert_eq!(mark(Delivered, 2).await, marks(2, 0, 3, false));
    assert_eq!(mark(Delivered, 1).await, marks(2, 0, 3, false));
    assert_eq!(mark(Read, 1).await, marks(2, 1, 2, true));
    assert_eq!(mark(Read, 3).await, marks(3, 3, 0, true));
    assert_eq!(mark(Read, 2).await, marks(3, 3, 0, false));
    assert_eq!(mark(Delivered, 3).await, marks(3, 3, 0, false));
}

async fn reading_is_delivery_too(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    let read = world.mark(Read, "ben", to, 1).await.unwrap();
    assert_eq!(read, marks(1, 1, 0, true));
}

async fn a_watermark_may_be_at_the_last_message_but_not_beyond(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    for kind in [Delivered, Read] {
        let beyond = world.mark(kind, "ben", to, 2).await;
        assert_eq!(refusal(beyond), Refusal::BeyondLast(1));
    }
    assert_eq!(
        member(&world, "ben").await.last_seen_at,
        None,
        "refused, yet written"
    );
    for kind in [Delivered, Read] {
        assert!(world.mark(kind, "ben", to, 1).await.unwrap().moved);
    }
}

async fn member(world: &World, name: &str) -> Member {
    let heads = world.store.heads_of(&viewer(name), 1).await.unwrap();
    let members = world
        .store
        .members(&acme(), heads[0].conversation, 100)
        .await;
    let mut members = members.unwrap().into_iter();
    members.find(|member| member.user_id == user(name)).unwrap()
}

async fn a_receipt_is_a_sign_of_life(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    for (kind, moved) in [(Delivered, true), (Read, true), (Read, false)] {
        let before = world.now();
        let advanced = world.mark(kind, "ben", to, 1).await.unwrap();
        assert_eq!(advanced.moved, moved);
        assert!(member(&world, "ben").await.last_seen_at > Some(before));
    }
    let ben = member(&world, "ben").await;
    assert_eq!((ben.delivered_seq, ben.read_seq), (1, 1));
    assert_eq!(member(&world, "ann").await.last_seen_at, None);
}

async fn unread_is_what_others_said_since(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "1").await;
    let two = world.say("ann", to, "2").await;
    world.say("ben", to, "3").await;
    world.say("ann", to, "4").await;
    let mark = async |seq| world.mark(Read, "ben", to, seq).await.unwrap().unread_count;
    assert_eq!(mark(0).await, 3);
    world.delete("ann", two.id).await;
    assert_eq!(mark(0).await, 2);
    assert_eq!(mark(1).await, 1);
    assert_eq!(mark(3).await, 1);
    assert_eq!(mark(4).await, 0);
}

async fn unread_sums_up_over_active_conversations(world: World) {
    let unread = async || world.store.total_unread(&viewer("ben")).await.unwrap();
    assert_eq!(unread().await, 0);
    let a = world.group("ann", &["ben"]).await;
    let b = world.group("ben", &["ann"]).await;
    let archived = world.group("ann", &["ben"]).await;
    let left = world.group("ann", &["ben"]).await;
    for to in [a, a, b, archived, left] {
        world.say("ann", to, "hello").await;
    }
    let gone = world.say("ann", b, "gone").await;
    world.delete("ann", gone.id).await;
    world.say("ben", b, "mine").await;
    assert_eq!(unread().await, 5);
    world.archive(archived).await;
    world.remove("ben", left).await;
    assert_eq!(unread().await, 3);
    world.mark(Read, "ben", a, 1).await.unwrap();
    assert_eq!(unread().await, 2);
}

async fn receipts_are_refused(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.remove("ben", to).await;
    for kind in [Delivered, Read] {
        for up_to_seq in [0, 1] {
            let nowhere = world
                .mark(kind, "ann", unused_conversation(), up_to_seq)
                .await;
            assert_eq!(refusal(nowhere), Refusal::NoConversation);
            for name in ["ben", "cid"] {
                let outside = world.mark(kind, name, to, up_to_seq).await;
                assert_eq!(refusal(outside), Refusal::NotMember);
            }
        }
    }
}

async fn receipts_take_no_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    world.mark(Read, "ben", to, 1).await.unwrap();
    assert_eq!(world.say("ann", to, "two").await.rev, 3);
    let page = world.store.sync(&acme(), to, 1, 100).await.unwrap();
    assert_eq!(page.members, []);
}

async fn one_of_several_devices_moves_a_watermark(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    let marked = (0..20).map(|_| world.mark(Read, "ben", to, 1));
    let marked = futures_util::future::join_all(marked).await;
    let moved = marked.iter().filter(|mark| mark.as_ref().unwrap().moved);
    assert_eq!(moved.count(), 1);
}

async fn receipts_that_come_together_come_to_what_they_would_alone(world: World) {
    let names: Vec<String> = (0..60).map(|n| format!("u{n}")).collect();
    let others: Vec<&str> = names.iter().map(String::as_str).collect();
    let to = world.group("ann", &others).await;
    for text in ["one", "two", "three"] {
        world.say("ann", to, text).await;
    }
    world.say("u5", to, "four").await;
    world.remove("u7", to).await;
    let asked = |n: usize| {
        let kind = if n.is_multiple_of(2) { Read } else { Delivered };
        (kind, (n % 6) as i64)
    };
    let marking = (0..60).map(|n| {
        let (kind, up_to) = asked(n);
        world.mark(kind, &names[n], to, up_to)
    });
    let marked = futures_util::future::join_all(marking).await;
    for (n, result) in marked.into_iter().enumerate() {
        match asked(n) {
            _ if n == 7 => assert_eq!(refusal(result), Refusal::NotMember),
            (_, 5) if n != 7 => assert_eq!(refusal(result), Refusal::BeyondLast(4)),
            (kind, up_to) => {
                let read = if kind == Read { up_to } else { 0 };
                let own = i64::from(n == 5 && read < 4);
                let result = result.unwrap();
                let expected = Advanced {
                    member_count: result.member_count,
                    ..marks(up_to, read, 4 - read - own, up_to > 0)
                };
                assert_eq!(result, expected, "u{n}");
            }
        }
    }
}

#[tokio::test]
async fn a_member_whom_somebody_has_locked_does_not_hold_up_others() {
    let world = World::on_postgres().await;
    let to = world.group("ann", &["ben", "cid", "dan"]).await;
    world.say("ann", to, "one").await;
    let mut other = PgConnection::connect(&world.url).await.unwrap();
    let lock = "begin; select 1 from members where user_id = 'cid' for update";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();

    let mut held = Box::pin(world.mark(Read, "cid", to, 1));
    let others = ["ben", "dan"].map(|name| world.mark(Read, name, to, 1));
    let others = futures_util::future::join_all(others);
    let soon = std::time::Duration::from_secs(3);
    let free = tokio::select! {
        _ = &mut held => panic!("nobody gave the member back"),
        free = tokio::time::timeout(soon, others) => free.expect("they need not wait"),
    };
    assert!(free.into_iter().all(|result| result.unwrap().moved));
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    assert!(held.await.unwrap().moved);
}
