//! What a client missed that comes back after a while and says what it has.

use std::collections::BTreeMap;

use switchboard_protocol::answers::Changes;
use switchboard_protocol::calls::MAX_LIMIT;
use switchboard_protocol::{ConversationId, ErrorObject};

use super::sync;
use crate::pipeline::Messaging;
use crate::store::Viewer;

/// A conversation that somebody follows again.
#[derive(Debug)]
pub struct CaughtUp {
    pub conversation: ConversationId,
    /// Where it stands: live events begin after this.
    pub rev: i64,
    /// The answer of `conversation:sync` after the position that was given, if one was.
    pub changes: Option<Changes>,
}

impl Messaging {
    /// Where each of these conversations stands that the viewer is a member of, and what changed in
    /// it after its position.
    pub async fn catch_up(
        &self,
        viewer: &Viewer,
        conversations: &[ConversationId],
        positions: &[(ConversationId, i64)],
    ) -> Result<Vec<CaughtUp>, ErrorObject> {
        let positions: BTreeMap<_, _> = positions.iter().copied().collect();
        let mut caught_up = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let mut page = None;
            if let Some(after) = positions.get(conversation) {
                let organization = &viewer.organization;
                let read = self
                    .store
                    .sync(organization, *conversation, *after, MAX_LIMIT);
                page = Some(read.await?);
            }
            // After the page: who is a member now has not been removed in what the page shows.
            let Some(mut view) = self.store.view(viewer, *conversation).await? else {
                continue;
            };
            let changes = page.map(|page| {
                // One reading of the conversation for both.
                view.conversation = page.conversation.clone();
                sync::answer(view.clone(), page)
            });
            caught_up.push(CaughtUp {
                conversation: *conversation,
                rev: view.conversation.rev,
                changes,
            });
        }
        Ok(caught_up)
    }
}
