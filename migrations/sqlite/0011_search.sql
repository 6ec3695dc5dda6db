-- What a message is found by: its words (`store/src/search/words.rs`), without the message itself.
-- The row ids of `messages` are nothing to rely on, so each that can be found has a number of its own.

create table searchable (
    id              integer primary key,
    message_id      text not null unique references messages (id) on delete cascade,
    organization_id text not null
) strict;

-- The words are cut and folded already; this tokenizer takes everything beyond ASCII for letters.
create virtual table message_words using fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'ascii'
);
