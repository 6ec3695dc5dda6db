-- Conversations, who is in them, what was said, and what changed.
--
-- Text that is compared or sorted has collation "C": names are ASCII, order must not depend on
-- the cluster's locale, and comparing bytes is faster.

create table conversations (
    id                     uuid primary key,
    organization_id        text collate "C" not null,
    kind                   text not null,
    title                  text,
    context_type           text,
    context_id             text,
    status                 text not null default 'active',
    created_by             text collate "C" not null,
    created_at             timestamptz not null,
    last_message_at        timestamptz,
    -- seq of the newest message, number of changes: both without a gap, so both live in the row
    -- that a writer locks.
    last_seq               bigint not null default 0,
    rev                    bigint not null default 1,
    member_count           bigint not null,
    message_count          bigint not null default 0,
    archived_at            timestamptz,
    archived_by            text collate "C",
    metadata               jsonb not null default '{}',
    -- last_message_at, else created_at: what lists are sorted by.
    activity_at            timestamptz not null,
    -- The pair (and context) of a direct conversation; null for groups.
    direct_key             text collate "C",
    client_conversation_id text collate "C"
);

create unique index conversations_direct_key
    on conversations (organization_id, direct_key)
    where direct_key is not null;
create unique index conversations_client_id
    on conversations (organization_id, created_by, client_conversation_id)
    where client_conversation_id is not null;

create table members (
    conversation_id uuid not null references conversations (id) on delete cascade,
    user_id         text collate "C" not null,
    organization_id text collate "C" not null,
    role            text not null,
    joined_at       timestamptz not null,
    left_at         timestamptz,
    -- The conversation's rev of the last change of this membership; watermarks do not count.
    rev             bigint not null,
    delivered_seq   bigint not null default 0,
    read_seq        bigint not null default 0,
    delivered_at    timestamptz,
    read_at         timestamptz,
    last_seen_at    timestamptz,
    primary key (conversation_id, user_id)
);

create index members_of_user on members (organization_id, user_id) where left_at is null;
create index members_rev on members (conversation_id, rev);

create table messages (
    id                uuid primary key,
    organization_id   text collate "C" not null,
    conversation_id   uuid not null references conversations (id) on delete cascade,
    seq               bigint not null,
    -- The conversation's rev of the last change of this message, and of its creation.
    rev               bigint not null,
    created_rev       bigint not null,
    version           bigint not null default 1,
    sender_id         text collate "C" not null,
    type              text not null,
    content           text not null,
    reply_to          uuid,
    thread_root_id    uuid,
    metadata          jsonb not null default '{}',
    client_message_id text collate "C",
    created_at        timestamptz not null,
    edited_at         timestamptz,
    deleted_at        timestamptz
);

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
    conversation_id uuid not null references conversations (id) on delete cascade,
    rev             bigint not null,
    organization_id text collate "C" not null,
    kind            text not null,
    message_id      uuid references messages (id) on delete cascade,
    user_id         text collate "C" not null,
    at              timestamptz not null,
    primary key (conversation_id, rev)
);
