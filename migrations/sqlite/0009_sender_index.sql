-- What somebody sent: for statistics, which need nothing but this index, and to leave one's own
-- messages out of what is unread.
create index if not exists messages_sender
    on messages (organization_id, sender_id, conversation_id, seq,
                 created_at, edited_at, deleted_at);
