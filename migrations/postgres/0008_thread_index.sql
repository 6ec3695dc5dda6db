-- no-transaction
-- The replies of a thread, in order. Most messages are none.
create index concurrently if not exists messages_thread
    on messages (thread_root_id, seq) where thread_root_id is not null;
