//! Reading messages and where they are.

use switchboard_protocol::calls::Window;
use switchboard_protocol::{ConversationId, Message};

use crate::on_both_databases;
use crate::world::{World, acme, unused_conversation, unused_message};

on_both_databases!(
    history_comes_in_windows,
    history_has_tombstones,
    history_of_nothing_is_empty,
    positions_are_those_of_the_messages_that_are_there,
    a_message_that_is_not_there_is_none,
    heads_are_those_of_the_conversations_that_are_there,
    the_database_answers,
);

async fn window(world: &World, to: ConversationId, window: Window, limit: i64) -> Vec<i64> {
    let page = world.store.history(&acme(), to, window, limit).await;
    page.unwrap().iter().map(|message| message.seq).collect()
}

async fn history_comes_in_windows(world: World) {
    let to = world.group("ann", &[]).await;
    for n in 1..=7 {
        world.say("ann", to, &n.to_string()).await;
    }
    assert_eq!(window(&world, to, Window::Latest, 3).await, [5, 6, 7]);
    assert_eq!(
        window(&world, to, Window::Latest, 7).await,
        [1, 2, 3, 4, 5, 6, 7]
    );
    assert_eq!(window(&world, to, Window::Before(5), 3).await, [2, 3, 4]);
    assert_eq!(window(&world, to, Window::Before(2), 3).await, [1]);
    assert_eq!(window(&world, to, Window::Before(1), 3).await, [0; 0]);
    assert_eq!(window(&world, to, Window::After(0), 3).await, [1, 2, 3]);
    assert_eq!(window(&world, to, Window::After(5), 3).await, [6, 7]);
    assert_eq!(window(&world, to, Window::After(7), 3).await, [0; 0]);
    assert_eq!(window(&world, to, Window::After(i64::MAX), 3).await, [0; 0]);
    assert_eq!(
        window(&world, to, Window::Before(i64::MAX), 2).await,
        [6, 7]
    );
}

async fn history_has_tombstones(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "one").await;
    world.delete("ann", sent.id).await;
    assert_eq!(window(&world, to, Window::Latest, 3).await, [1]);
}

async fn history_of_nothing_is_empty(world: World) {
    let to = world.group("ann", &[]).await;
    assert_eq!(world.history(to).await, [] as [Message; 0]);
    assert_eq!(
        world.history(unused_conversation()).await,
        [] as [Message; 0]
    );
}

async fn positions_are_those_of_the_messages_that_are_there(world: World) {
    let to = [world.group("ann", &[]).await, world.group("ann", &[]).await];
    let one = world.say("ann", to[0], "one").await;
    let two = world.say("ann", to[0], "two").await;
    let other = world.say("ann", to[1], "other").await;
    let ids = [two.id, unused_message(), other.id];
    let mut positions = world.store.positions(&acme(), &ids).await.unwrap();
    positions.sort_unstable();
    assert_eq!(positions, [(to[0], 2), (to[1], 1)]);
    assert_eq!(world.store.positions(&acme(), &[]).await.unwrap(), []);
    assert_eq!(
        world.store.positions(&acme(), &[one.id]).await.unwrap(),
        [(to[0], 1)]
    );
}

async fn a_message_that_is_not_there_is_none(world: World) {
    let message = world.store.message(&acme(), unused_message()).await;
    assert_eq!(message.unwrap(), None);
}

async fn heads_are_those_of_the_conversations_that_are_there(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "one").await;
    let ids = [unused_conversation(), to];
    let heads = world.store.heads(&acme(), &ids).await.unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!(heads[0].conversation, to);
    assert_eq!((heads[0].rev, heads[0].member_count), (2, 2));
    assert_eq!(world.store.heads(&acme(), &[]).await.unwrap(), []);
}

async fn the_database_answers(world: World) {
    world.store.ping().await.unwrap();
}
