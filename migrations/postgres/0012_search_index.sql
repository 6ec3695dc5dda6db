-- no-transaction
create index concurrently if not exists messages_search on messages using gin (search);
