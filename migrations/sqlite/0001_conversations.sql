-- Conversations, who is in them, what was said, and what changed.
--
-- Ids are text and times are milliseconds since 1970 (UTC), so that people can look into the file
-- with any tool; metadata is JSON.

create table conversations (
    id                     text primary key,
    organization_id        text not null,
    kind                   text not null,
    title                  text,
    context_type           text,
    context_id             text,
    status                 text not null default 'active',
    created_by             text not null,
    created_at             integer not null,
    last_message_at        integer,
    -- seq of the newest message, number of changes: both without a gap, so both live in the row
    -- that a writer locks.
    last_seq               integer not null default 0,
    rev                    integer not null default 1,
    member_count           integer not null,
    message_count          integer not null default 0,
    archived_at            integer,
    archived_by            text,
    metadata               text not null default '{}',
    -- last_message_at, else created_at: what lists are sorted by.
    activity_at            integer not null,
    -- The pair (and context) of a direct conversation; null for groups.
    direct_key             text,
    client_conversation_id text
) strict;

create unique index conversations_direct_key
    on conversations (organization_id, direct_key)
    where direct_key is not null;
create unique index conversations_client_id
    on conversations (organization_id, created_by, client_conversation_id)
    where client_conversation_id is not null;

create table members (
    conversation_id text not null references conversations (id) on delete cascade,
    user_id         text not null,
    organization_id text not null,
    role            text not null,
    joined_at       integer not null,
    left_at         integer,
    -- The conversation's rev of the last change of this membership; watermarks do not count.
    rev             integer not null,
    delivered_seq   integer not null default 0,
    read_seq        integer not null default 0,
    delivered_at    integer,
    read_at         integer,
    last_seen_at    integer,
    primary key (conversation_id, user_id)
) strict;

create index members_of_user on members (organization_id, user_id) where left_at is null;
create index members_rev on members (conversation_id, rev);

create table messages (
    id                text primary key,
    organization_id   text not null,
    conversation_id   text not null references conversations (id) on delete cascade,
    seq               integer not null,
    -- The conversation's rev of the last change of this message, and of its creation.
    rev               integer not null,
    created_rev       integer not null,
    version           integer not null default 1,
    sender_id         text not null,
    type              text not null,
    content           text not null,
    reply_to          text,
    thread_root_id    text,
    metadata          text not null default '{}',
    client_message_id text,
    created_at        integer not null,
    edited_at         integer,
    deleted_at        integer
) strict;

create unique index messages_seq on messages (conversation_id, seq);
create unique index messages_rev on messages (conversation_id, rev);
-- Most messages are never touched again and are found by rev; this one is for the others.
create index messages_created_rev on messages (conversation_id, created_rev)
    where created_rev <> rev;
create unique index messages_client_id
    on messages (conversation_id, sender_id, client_message_id)
    where client_message_id is not null;

-- One row for every change that is not a new message (those are found by created_rev).
create table changes (
    conversation_id text not null references conversations (id) on delete cascade,
    rev             integer not null,
    organization_id text not null,
    kind            text not null,
    message_id      text references messages (id) on delete cascade,
    user_id         text not null,
    at              integer not null,
    primary key (conversation_id, rev)
) strict;
