-- no-transaction
-- Messages that are yet to be made searchable: all that there were, then none.
create index concurrently if not exists messages_unsearched
    on messages (id) where search is null;
