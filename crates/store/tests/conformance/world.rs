//! A fresh database with people who talk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use switchboard_messaging::Store;
use switchboard_messaging::clock::{Ids, SystemIds};
use switchboard_messaging::store::{
    Advance, Advanced, Appended, Deletion, Edit, NewConversation, NewMessage, ReceiptKind, Refusal,
    StoreError, StoreResult, Viewer,
};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    ConversationId, Kind, Message, MessageId, MessageType, OrganizationId, Timestamp, UserId,
};
use switchboard_store::Options;
use tempfile::TempDir;

/// The database of one test, and a first node on it.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    /// Goes with the test.
    _folder: Option<TempDir>,
    clock: AtomicI64,
}

impl World {
    pub(crate) async fn on_postgres() -> Self {
        let make = async |url: &str| drop(switchboard_store::migrate(url).await.unwrap());
        let database = switchboard_testkit::postgres::copied_database("migrated", make).await;
        Self::at(database.url, None).await
    }

    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made/on/opening/switchboard.db");
        Self::at(format!("sqlite://{}", file.display()), Some(folder)).await
    }

    async fn at(url: String, folder: Option<TempDir>) -> Self {
        switchboard_store::migrate(&url).await.unwrap();
        Self {
            store: open(&url).await,
            url,
            _folder: folder,
            clock: AtomicI64::new(1_795_167_769_000),
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Another node on the same database.
    pub(crate) async fn another_node(&self) -> Arc<dyn Store> {
        open(&self.url).await
    }

    /// A millisecond later than the last time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.fetch_add(1, Ordering::SeqCst))
    }

    /// Does what no store method does (yet).
    pub(crate) async fn sql(&self, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            statement.execute(&mut connection).await.unwrap();
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            statement.execute(&mut connection).await.unwrap();
        }
    }

    pub(crate) fn new_group(&self, creator: &str, others: &[&str]) -> NewConversation {
        NewConversation {
            id: ConversationId(SystemIds.next()),
            creator: viewer(creator),
            socket: None,
            kind: Kind::Group,
            others: others.iter().map(|name| user(name)).collect(),
            title: None,
            context: None,
            metadata: Map::new(),
            client_conversation_id: None,
            at: self.now(),
        }
    }

    pub(crate) fn new_direct(&self, creator: &str, other: &str) -> NewConversation {
        NewConversation {
            kind: Kind::Direct,
            ..self.new_group(creator, &[other])
        }
    }

    pub(crate) async fn group(&self, creator: &str, others: &[&str]) -> ConversationId {
        let new = self.new_group(creator, others);
        let created = self.store.create_conversation(new).await.unwrap();
        created.view.conversation.id
    }

    pub(crate) fn text(&self, sender: &str, to: ConversationId, content: &str) -> NewMessage {
        NewMessage {
            id: MessageId(SystemIds.next()),
            conversation: to,
            sender: viewer(sender),
            socket: None,
            kind: MessageType::Text,
            content: content.to_owned(),
            reply_to: None,
            metadata: Map::new(),
            client_message_id: None,
            at: self.now(),
        }
    }

    pub(crate) async fn say(&self, sender: &str, to: ConversationId, content: &str) -> Message {
        let new = self.text(sender, to, content);
        let Appended {
            message, duplicate, ..
        } = self.store.append(new).await.unwrap();
        assert!(!duplicate);
        message
    }

    pub(crate) fn new_edit(&self, editor: &str, message: MessageId, content: &str) -> Edit {
        Edit {
            message,
            editor: viewer(editor),
            socket: None,
            content: content.to_owned(),
            expected_version: None,
            not_before: None,
            at: self.now(),
        }
    }

    pub(crate) async fn edit(&self, editor: &str, message: MessageId, content: &str) -> Message {
        let edit = self.new_edit(editor, message, content);
        self.store.edit(edit).await.unwrap()
    }

    pub(crate) fn deletion(&self, by: &str, message: MessageId) -> Deletion {
        Deletion {
            message,
            by: viewer(by),
            socket: None,
            at: self.now(),
        }
    }

    pub(crate) async fn delete(&self, by: &str, message: MessageId) -> Message {
        let deleted = self.store.delete(self.deletion(by, message)).await.unwrap();
        assert!(deleted.changed);
        deleted.message
    }

    pub(crate) async fn mark(
        &self,
        kind: ReceiptKind,
        name: &str,
        conversation: ConversationId,
        up_to_seq: i64,
    ) -> StoreResult<Advanced> {
        self.store
            .advance(Advance {
                viewer: viewer(name),
                conversation,
                kind,
                up_to_seq,
                at: self.now(),
            })
            .await
    }

    /// All messages of a conversation.
    pub(crate) async fn history(&self, conversation: ConversationId) -> Vec<Message> {
        self.store
            .history(&acme(), conversation, Window::After(0), 100_000)
            .await
            .unwrap()
    }

    pub(crate) async fn archive(&self, conversation: ConversationId) {
        self.sql(&format!(
            "update conversations set status = 'archived' where id = '{conversation}'"
        ))
        .await;
    }

    /// Takes somebody out, as the conversation's next change.
    pub(crate) async fn remove(&self, name: &str, conversation: ConversationId) {
        self.sql(&format!(
            "update conversations set rev = rev + 1 where id = '{conversation}'; \
             update members set left_at = joined_at, \
             rev = (select rev from conversations where id = '{conversation}') \
             where conversation_id = '{conversation}' and user_id = '{name}'"
        ))
        .await;
    }

    pub(crate) async fn set_role(&self, name: &str, role: &str) {
        self.sql(&format!(
            "update members set role = '{role}' where user_id = '{name}'"
        ))
        .await;
    }
}

async fn open(url: &str) -> Arc<dyn Store> {
    let options = Options {
        url: url.to_owned(),
        max_connections: 4,
        statement_timeout: Duration::from_secs(20),
    };
    switchboard_store::open(options).await.unwrap()
}

/// Everybody works there, unless a test says otherwise.
pub(crate) fn acme() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub(crate) fn viewer(name: &str) -> Viewer {
    Viewer {
        organization: acme(),
        user: user(name),
    }
}

/// Somebody with the same name at another organization.
pub(crate) fn stranger(name: &str) -> Viewer {
    Viewer {
        organization: OrganizationId::new("globex").unwrap(),
        user: user(name),
    }
}

pub(crate) fn unused_conversation() -> ConversationId {
    ConversationId(SystemIds.next())
}

pub(crate) fn unused_message() -> MessageId {
    MessageId(SystemIds.next())
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// Why the rules said no.
pub(crate) fn refusal<T: std::fmt::Debug>(result: StoreResult<T>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
