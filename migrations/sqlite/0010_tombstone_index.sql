-- Tombstones, which are not unread.
create index if not exists messages_tombstones
    on messages (conversation_id, seq) where deleted_at is not null;
