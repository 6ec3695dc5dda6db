//! Catching up: `sync` for clients, `changes` for nodes.

use std::collections::BTreeMap;

use switchboard_messaging::store::{ReceiptKind, Refusal, SyncPage};
use switchboard_protocol::{ConversationId, Message, MessageId, Receipt};

use crate::on_both_databases;
use crate::world::{World, acme, refusal, unused_conversation, user};

on_both_databases!(
    sync_from_nothing_is_everything,
    sync_shows_each_message_once_as_it_is_now,
    sync_shows_who_left,
    sync_from_the_end_is_empty,
    sync_of_nothing_is_refused,
    pages_of_any_size_add_up,
    members_of_one_rev_stay_together,
    pages_taken_while_others_write_add_up,
    changes_have_every_rev_once,
    changes_of_nothing_are_none,
);

async fn sync(world: &World, to: ConversationId, after_rev: i64, limit: i64) -> SyncPage {
    let page = world.store.sync(&acme(), to, after_rev, limit).await;
    page.unwrap()
}

/// A client's copy of a conversation, kept by paging.
#[derive(Default)]
struct Copy {
    rev: i64,
    messages: BTreeMap<MessageId, Message>,
    members: usize,
}

impl Copy {
    /// Takes one page; whether there are more.
    async fn page(&mut self, world: &World, to: ConversationId, limit: i64) -> bool {
        let page = sync(world, to, self.rev, limit).await;
        let revs: Vec<i64> = page.messages.iter().map(|message| message.rev).collect();
        assert!(revs.is_sorted());
        assert!(
            revs.iter()
                .all(|rev| (self.rev + 1..=page.rev).contains(rev))
        );
        assert!(page.rev > self.rev || !page.has_more, "no progress");
        for message in page.messages {
            self.messages.insert(message.id, message);
        }
        self.members += page.members.len();
        self.rev = page.rev;
        page.has_more
    }

    async fn assert_is_whole(&self, world: &World, to: ConversationId) {
        let mut messages: Vec<_> = self.messages.values().cloned().collect();
        messages.sort_by_key(|message| message.seq);
        assert_eq!(messages, world.history(to).await);
        let heads = world.store.heads(&acme(), &[to]).await.unwrap();
        assert_eq!(self.rev, heads[0].rev);
    }
}

/// Ten messages; the 2nd and 5th are edited, the 7th is deleted.
async fn busy(world: &World) -> ConversationId {
    let to = world.group("ann", &["ben", "cid"]).await;
    let mut sent = Vec::new();
    for n in 1..=10 {
        sent.push(world.say("ann", to, &n.to_string()).await.id);
    }
    world.edit("ann", sent[1], "better").await;
    world.delete("ann", sent[6]).await;
    world.edit("ann", sent[4], "better").await;
    world.edit("ann", sent[1], "best").await;
    to
}

async fn sync_from_nothing_is_everything(world: World) {
    let to = busy(&world).await;
    world.mark(ReceiptKind::Read, "ben", to, 3).await.unwrap();
    world
        .mark(ReceiptKind::Delivered, "cid", to, 9)
        .await
        .unwrap();
    let page = sync(&world, to, 0, 1_000).await;
    assert!(!page.has_more);
    assert_eq!(page.conversation.rev, 15);
    assert_eq!(page.rev, 15);
    assert_eq!(page.messages.len(), 10);
    let names: Vec<_> = page
        .members
        .iter()
        .map(|member| member.user_id.as_str())
        .collect();
    assert_eq!(names, ["ann", "ben", "cid"]);
    let receipt = |name, delivered_seq, read_seq| Receipt {
        user_id: user(name),
        delivered_seq,
        read_seq,
    };
    let receipts = [
        receipt("ann", 0, 0),
        receipt("ben", 3, 3),
        receipt("cid", 9, 0),
    ];
    assert_eq!(page.receipts, receipts);
}

async fn sync_shows_each_message_once_as_it_is_now(world: World) {
    let to = busy(&world).await;
    let page = sync(&world, to, 11, 1_000).await;
    let revs: Vec<_> = page.messages.iter().map(|m| (m.seq, m.rev)).collect();
    assert_eq!(revs, [(7, 13), (5, 14), (2, 15)]);
    let history = world.history(to).await;
    for message in page.messages {
        assert!(history.contains(&message));
    }
}

async fn sync_shows_who_left(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.remove("ben", to).await;
    let page = sync(&world, to, 1, 100).await;
    assert_eq!(page.members.len(), 1);
    assert_eq!(page.members[0].user_id, user("ben"));
    assert!(page.members[0].left_at.is_some());
    assert_eq!(page.receipts.len(), 1, "a receipt of somebody who left");
}

async fn sync_from_the_end_is_empty(world: World) {
    let to = busy(&world).await;
    for after in [15, 16, i64::MAX] {
        let page = sync(&world, to, after, 100).await;
        assert_eq!((page.messages.len(), page.members.len()), (0, 0));
        assert!(!page.has_more);
        assert_eq!(page.rev, 15);
    }
}

async fn sync_of_nothing_is_refused(world: World) {
    let page = world
        .store
        .sync(&acme(), unused_conversation(), 0, 100)
        .await;
    assert_eq!(refusal(page), Refusal::NoConversation);
}

async fn pages_of_any_size_add_up(world: World) {
    let to = busy(&world).await;
    for limit in 1..=15 {
        let mut copy = Copy::default();
        let mut pages = 1;
        while copy.page(&world, to, limit).await {
            pages += 1;
        }
        copy.assert_is_whole(&world, to).await;
        assert_eq!(copy.members, 3);
        assert!(pages <= 14, "{pages} pages of {limit}");
    }
    // 3 members and 10 messages are 13 items: exactly a page, and one too many.
    assert!(!sync(&world, to, 0, 13).await.has_more);
    let page = sync(&world, to, 0, 12).await;
    assert!(page.has_more);
    assert_eq!(page.members.len() + page.messages.len(), 12);
}

async fn members_of_one_rev_stay_together(world: World) {
    let to = world.group("ann", &["ben", "cid", "dan"]).await;
    world.say("ann", to, "one").await;
    let page = sync(&world, to, 0, 2).await;
    assert_eq!((page.members.len(), page.messages.len()), (4, 0));
    assert_eq!((page.rev, page.has_more), (1, true));
    let page = sync(&world, to, 0, 4).await;
    assert_eq!((page.members.len(), page.messages.len()), (4, 0));
    let page = sync(&world, to, 0, 5).await;
    assert_eq!((page.members.len(), page.messages.len()), (4, 1));
}

async fn pages_taken_while_others_write_add_up(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let node = world.another_node().await;
    let write = async {
        for n in 0..40 {
            let sent = node.append(world.text("ann", to, &n.to_string())).await;
            let id = sent.unwrap().message.id;
            match n % 4 {
                0 => drop(
                    node.edit(world.new_edit("ann", id, "better"))
                        .await
                        .unwrap(),
                ),
                1 => drop(node.delete(world.deletion("ann", id)).await.unwrap()),
                _ => {}
            }
        }
    };
    let follow = async {
        let mut copy = Copy::default();
        while copy.rev < 61 {
            copy.page(&world, to, 3).await;
            tokio::task::yield_now().await;
        }
        copy
    };
    let ((), copy) = tokio::join!(write, follow);
    copy.assert_is_whole(&world, to).await;
}

async fn changes_have_every_rev_once(world: World) {
    let to = busy(&world).await;
    let names = [
        (1..=1, "conversation:created"),
        (2..=11, "message:new"),
        (12..=12, "message:edited"),
        (13..=13, "message:deleted"),
        (14..=15, "message:edited"),
    ];
    let expected: Vec<_> = names
        .into_iter()
        .flat_map(|(revs, name)| revs.map(move |rev| (rev, name)))
        .collect();
    for (after, up_to) in [
        (0, 15),
        (0, 14),
        (1, 15),
        (3, 8),
        (7, 7),
        (12, 13),
        (11, 100),
    ] {
        let changes = world
            .store
            .changes(&acme(), to, after, up_to)
            .await
            .unwrap();
        let found: Vec<_> = changes.iter().map(|c| (c.rev, c.event.name())).collect();
        let part: Vec<_> = expected
            .iter()
            .filter(|(rev, _)| (after + 1..=up_to).contains(rev))
            .copied()
            .collect();
        assert_eq!(found, part, "after {after} up to {up_to}");
        assert!(
            changes
                .iter()
                .all(|change| change.event.rev() == Some(change.rev))
        );
    }
}

async fn changes_of_nothing_are_none(world: World) {
    let changes = world
        .store
        .changes(&acme(), unused_conversation(), 0, 9)
        .await;
    assert_eq!(changes.unwrap(), []);
}
