//! When the database fails: nothing is acked that is not stored.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use switchboard_messaging::store::StoreError;
use switchboard_protocol::{ConversationId, MessageId};

use crate::on_both_databases;
use crate::world::{World, acme};

on_both_databases!(
    a_batch_that_fails_acks_nobody,
    a_failed_send_may_be_repeated,
    only_the_message_that_the_database_refuses_fails,
    what_waits_is_stored_before_closing,
    a_closed_store_is_unavailable,
    a_failed_edit_or_deletion_leaves_no_trace,
);

/// From now on the database fails to store what `condition` says.
async fn break_messages(world: &World, event: &str, condition: &str) {
    let sql = if world.is_postgres() {
        format!(
            "create function refuse() returns trigger language plpgsql as \
             $$ begin raise exception 'no'; end $$; \
             create trigger refusal before {event} for each row when ({condition}) \
             execute function refuse();"
        )
    } else {
        format!(
            "create trigger refusal before {event} when {condition} \
             begin select raise(abort, 'no'); end;"
        )
    };
    world.sql(&sql).await;
}

async fn repair(world: &World, table: &str) {
    let on = if world.is_postgres() {
        format!(" on {table}")
    } else {
        String::new()
    };
    world.sql(&format!("drop trigger refusal{on}")).await;
}

async fn stored(world: &World, to: ConversationId) -> BTreeSet<MessageId> {
    world
        .history(to)
        .await
        .iter()
        .map(|message| message.id)
        .collect()
}

/// Sends so many at once; who was acked.
async fn send_many(world: &World, to: ConversationId, count: usize) -> BTreeSet<MessageId> {
    let sends = (0..count).map(|n| world.store.append(world.text("ann", to, &n.to_string())));
    let answers = join_all(sends).await;
    let acked = answers.into_iter().flatten().map(|sent| sent.message.id);
    acked.collect()
}

async fn a_batch_that_fails_acks_nobody(world: World) {
    let to = world.group("ann", &[]).await;
    // The insert succeeds, the statement after it does not.
    break_messages(&world, "update on conversations", "new.last_seq >= 0").await;
    assert_eq!(send_many(&world, to, 20).await, BTreeSet::new());
    assert_eq!(stored(&world, to).await, BTreeSet::new());
    repair(&world, "conversations").await;
    let acked = send_many(&world, to, 20).await;
    assert_eq!(acked.len(), 20);
    assert_eq!(stored(&world, to).await, acked);
}

async fn a_failed_send_may_be_repeated(world: World) {
    let to = world.group("ann", &[]).await;
    let mut new = world.text("ann", to, "hello");
    new.client_message_id = Some("c-1".to_owned());
    break_messages(&world, "update on conversations", "new.last_seq >= 0").await;
    world.store.append(new.clone()).await.unwrap_err();
    repair(&world, "conversations").await;
    let sent = world.store.append(new).await.unwrap();
    assert!(!sent.duplicate);
    assert_eq!((sent.message.seq, sent.message.rev), (1, 2));
}

async fn only_the_message_that_the_database_refuses_fails(world: World) {
    let to = world.group("ann", &[]).await;
    break_messages(&world, "insert on messages", "new.content = '7'").await;
    let acked = send_many(&world, to, 20).await;
    assert_eq!(acked.len(), 19);
    assert_eq!(stored(&world, to).await, acked);
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].rev, 20, "the failed one left a gap");
}

async fn what_waits_is_stored_before_closing(world: World) {
    let to = world.group("ann", &[]).await;
    let node = world.another_node().await;
    let sends = (0..50).map(|n| node.append(world.text("ann", to, &n.to_string())));
    let (answers, ()) = tokio::join!(join_all(sends), node.close());
    let acked: BTreeSet<_> = answers
        .into_iter()
        .map(|sent| sent.unwrap().message.id)
        .collect();
    assert_eq!(stored(&world, to).await, acked);
}

async fn a_closed_store_is_unavailable(world: World) {
    let to = world.group("ann", &[]).await;
    let node = world.another_node().await;
    node.close().await;
    let sent = node.append(world.text("ann", to, "hello")).await;
    assert!(matches!(sent, Err(StoreError::Unavailable(_))), "{sent:?}");
    let ping = node.ping().await;
    assert!(matches!(ping, Err(StoreError::Unavailable(_))), "{ping:?}");
}

async fn a_failed_edit_or_deletion_leaves_no_trace(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "hello").await;
    break_messages(&world, "insert on changes", "new.rev > 0").await;
    let edit = world.new_edit("ann", sent.id, "better");
    world.store.edit(edit).await.unwrap_err();
    let deletion = world.deletion("ann", sent.id);
    world.store.delete(deletion).await.unwrap_err();
    assert_eq!(world.history(to).await, [sent]);
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].rev, 2);
}

/// What only a server can do.
mod on_a_server {
    use std::time::Duration;

    use sqlx::{AssertSqlSafe, Connection, PgConnection};
    use switchboard_messaging::store::{Refusal, StoreError};
    use switchboard_protocol::ConversationId;
    use switchboard_store::Options;

    use super::{World, send_many, stored};
    use crate::altering::removing;
    use crate::world::refusal;

    #[tokio::test]
    async fn what_was_acked_while_connections_were_cut_is_what_is_stored() {
        let world = World::on_postgres().await;
        let to = world.group("ann", &[]).await;
        let mut acked = std::collections::BTreeSet::new();
        for _ in 0..10 {
            let cut = world.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()",
            );
            let (sent, ()) = tokio::join!(send_many(&world, to, 40), cut);
            acked.extend(sent);
        }
        // So many failures may have opened the circuit, until the probe that follows.
        while world.store.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        acked.extend(send_many(&world, to, 1).await);
        let stored = stored(&world, to).await;
        assert!(acked.is_subset(&stored), "acked but not stored");
        let history = world.history(to).await;
        let seqs: Vec<i64> = history.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=stored.len() as i64).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unavailable_and_its_password_is_not_told() {
        let options = Options {
            // Nothing listens on port 1.
            url: "postgres://me:hunter2@127.0.0.1:1/nowhere".to_owned(),
            max_connections: 2,
            statement_timeout: Duration::from_secs(2),
        };
        assert!(!format!("{options:?}").contains("hunter2"));
        let store = switchboard_store::open(options).await.unwrap();
        let error = store.ping().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(!format!("{error} {error:?} {store:?}").contains("hunter2"));
    }

    /// Somebody who has locked a conversation, such as a node that was frozen, until it commits.
    async fn holder_of(world: &World, conversation: ConversationId) -> PgConnection {
        let mut holder = PgConnection::connect(&world.url).await.unwrap();
        let lock = format!(
            "begin; select id from conversations where id = '{conversation}' for no key update"
        );
        let lock = sqlx::raw_sql(AssertSqlSafe(lock));
        lock.execute(&mut holder).await.unwrap();
        holder
    }

    #[tokio::test]
    async fn a_locked_conversation_holds_up_nobody_else_and_loses_nothing() {
        let world = World::on_postgres().await;
        let (locked, also_locked) = (world.group("ann", &[]).await, world.group("ann", &[]).await);
        let other = world.group("ann", &[]).await;
        let mut holder = holder_of(&world, locked).await;
        let mut second_holder = holder_of(&world, also_locked).await;
        let held = async {
            let sends = [locked, also_locked, locked]
                .map(|to| world.store.append(world.text("ann", to, "late")));
            futures_util::future::join_all(sends).await
        };
        tokio::pin!(held);
        for n in 0..20 {
            tokio::select! {
                biased;
                early = &mut held => panic!("answered though locked: {early:?}"),
                sent = world.store.append(world.text("ann", other, "now")) => {
                    assert_eq!(sent.unwrap().message.seq, n + 1);
                }
            }
        }
        for holder in [&mut holder, &mut second_holder] {
            sqlx::raw_sql("commit").execute(holder).await.unwrap();
        }
        let sent = held.await.into_iter().map(|sent| sent.unwrap().message);
        let mut places: Vec<_> = sent.map(|sent| (sent.conversation_id, sent.seq)).collect();
        let mut expected = vec![(locked, 1), (also_locked, 1), (locked, 2)];
        places.sort();
        expected.sort();
        assert_eq!(places, expected);
    }

    #[tokio::test]
    async fn a_conversation_that_stays_locked_is_busy_and_others_are_not() {
        let world = World::on_postgres().await;
        let locked = world.group("ann", &[]).await;
        let store = switchboard_store::open(Options {
            url: world.url.clone(),
            max_connections: 4,
            statement_timeout: Duration::from_secs(1),
        });
        let store = store.await.unwrap();
        let _holder = holder_of(&world, locked).await;
        let missing = crate::world::unused_conversation();
        let sends = [locked, missing].map(|to| store.append(world.text("ann", to, "hello")));
        let [held, lost] = <[_; 2]>::try_from(futures_util::future::join_all(sends).await).unwrap();
        assert!(matches!(held, Err(StoreError::Busy { .. })), "{held:?}");
        // One that is not there is not taken for one that is locked.
        let lost = crate::world::refusal(lost);
        assert_eq!(lost, switchboard_messaging::store::Refusal::NoConversation);
        let free = world.group("ann", &[]).await;
        store
            .append(world.text("ann", free, "hello"))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_conversation_locked_for_too_long_is_unavailable() {
        let world = World::on_postgres().await;
        let to = world.group("ann", &[]).await;
        let store = switchboard_store::open(Options {
            url: world.url.clone(),
            max_connections: 2,
            statement_timeout: Duration::from_millis(200),
        });
        let store = store.await.unwrap();
        let lock = world
            .sql("begin; select * from conversations for update; select pg_sleep(1.5); commit");
        let send = async {
            // Until the lock is held, sends succeed.
            loop {
                match store.append(world.text("ann", to, "hello")).await {
                    Ok(_) => {}
                    Err(error) => return error,
                }
            }
        };
        let ((), error) = tokio::join!(lock, send);
        let is_told = matches!(error, StoreError::Unavailable(_) | StoreError::Busy { .. });
        assert!(is_told, "{error}");
        store.append(world.text("ann", to, "hello")).await.unwrap();
    }

    /// To compare a status with `active` takes half a second here: between the moment that a statement
    /// sees and its lock.
    const SLOW: &str = "\
        create schema slow; \
        create function slow.eq(a text, b text) returns bool language plpgsql volatile as $$ begin \
          if b operator(pg_catalog.=) 'active' then perform pg_sleep(0.5); end if; \
          return a operator(pg_catalog.=) b; \
        end $$; \
        create operator slow.= (leftarg = text, rightarg = text, function = slow.eq)";

    #[tokio::test]
    async fn what_changes_before_a_statement_has_its_lock_counts() {
        let world = World::on_postgres().await;
        let to = world.group("ann", &["ben"]).await;
        world.sql(SLOW).await;
        let slow = switchboard_store::open(Options {
            url: format!("{}?options[search_path]=slow,pg_catalog,public", world.url),
            max_connections: 2,
            statement_timeout: Duration::from_secs(20),
        });
        let slow = slow.await.unwrap();
        let removal = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            world.alter("ann", to, removing(&["ben"])).await
        };
        let late = slow.append(world.text("ben", to, "too late"));
        let (late, removed) = tokio::join!(late, removal);
        assert_eq!((refusal(late), removed.rev), (Refusal::NotMember, 2));
        let sent = slow.append(world.text("ann", to, "in time")).await.unwrap();
        assert_eq!((sent.message.seq, sent.message.rev), (1, 3));
    }
}
