//! One organization is as good as not there for another, whatever it asks.

use switchboard_messaging::store::ReceiptKind::{Delivered, Read};
use switchboard_messaging::store::{Advance, Deletion, Edit, ListPage, Refusal};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{ConversationStatus, OrganizationId};

use crate::on_both_databases;
use crate::world::{World, refusal, stranger};

on_both_databases!(
    reads_see_nothing_of_another_organization,
    writes_find_nothing_of_another_organization,
    what_is_unique_is_so_for_one_organization,
);

/// Has the same name as a member.
const ANN: &str = "ann";

async fn reads_see_nothing_of_another_organization(world: World) {
    let to = world.group(ANN, &["ben"]).await;
    let message = world.say(ANN, to, "ours").await.id;
    let (store, theirs) = (&world.store, stranger(ANN));
    let globex: &OrganizationId = &theirs.organization;
    assert_eq!(store.membership(&theirs, to).await.unwrap(), None);
    assert_eq!(store.view(&theirs, to).await.unwrap(), None);
    let page = ListPage {
        status: ConversationStatus::Active,
        after: None,
        limit: 100,
    };
    assert_eq!(store.list(&theirs, page).await.unwrap(), []);
    assert_eq!(store.members(globex, to, 100).await.unwrap(), []);
    assert_eq!(store.heads_of(&theirs, 100).await.unwrap(), []);
    assert_eq!(store.heads(globex, &[to]).await.unwrap(), []);
    assert_eq!(store.total_unread(&stranger("ben")).await.unwrap(), 0);
    assert_eq!(store.message(globex, message).await.unwrap(), None);
    assert_eq!(store.positions(globex, &[message]).await.unwrap(), []);
    let history = store.history(globex, to, Window::Latest, 100).await;
    assert_eq!(history.unwrap(), []);
    let sync = store.sync(globex, to, 0, 100).await;
    assert_eq!(refusal(sync), Refusal::NoConversation);
    assert_eq!(store.changes(globex, to, 0, 100).await.unwrap(), []);
}

async fn writes_find_nothing_of_another_organization(world: World) {
    let to = world.group(ANN, &["ben"]).await;
    let mut ours = world.text(ANN, to, "ours");
    ours.client_message_id = Some("c-1".to_owned());
    let sent = world.store.append(ours.clone()).await.unwrap().message;
    let mut new = world.text(ANN, to, "theirs");
    new.sender = stranger(ANN);
    new.client_message_id = Some("c-1".to_owned());
    assert_eq!(
        refusal(world.store.append(new).await),
        Refusal::NoConversation
    );
    let edit = Edit {
        editor: stranger(ANN),
        ..world.new_edit(ANN, sent.id, "theirs")
    };
    assert_eq!(refusal(world.store.edit(edit).await), Refusal::NoMessage);
    let deletion = Deletion {
        by: stranger(ANN),
        ..world.deletion(ANN, sent.id)
    };
    assert_eq!(
        refusal(world.store.delete(deletion).await),
        Refusal::NoMessage
    );
    for kind in [Delivered, Read] {
        let advance = Advance {
            viewer: stranger(ANN),
            conversation: to,
            kind,
            up_to_seq: 1,
            at: world.now(),
        };
        let refused = refusal(world.store.advance(advance).await);
        assert_eq!(refused, Refusal::NoConversation);
    }
    assert_eq!(world.history(to).await, [sent]);
}

async fn what_is_unique_is_so_for_one_organization(world: World) {
    for mut new in [world.new_direct(ANN, "ben"), world.new_direct(ANN, "ben")] {
        new.client_conversation_id = Some("mine".to_owned());
        let created = world.store.create_conversation(new.clone()).await.unwrap();
        assert!(created.created);
        world
            .sql("update conversations set organization_id = 'initech'")
            .await;
        world
            .sql("update members set organization_id = 'initech'")
            .await;
        new.id = crate::world::unused_conversation();
        new.creator = stranger(ANN);
        let theirs = world.store.create_conversation(new).await.unwrap();
        assert!(theirs.created);
        world.sql("delete from conversations").await;
    }
}
