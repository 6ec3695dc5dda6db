-- Events of the service API for users who were away, until they are acknowledged, expire, or were
-- sent too often in vain; and the answers to requests that may be repeated.

create table queued_events (
    id              text primary key,
    organization_id text not null,
    user_id         text not null,
    -- The call that it came with: the same for everybody whom that addressed.
    source          text not null,
    event           text not null,
    -- JSON, as it was sent.
    data            text not null,
    -- 0 low, 1 normal, 2 critical.
    priority        integer not null,
    -- Length of data: what a user's queue may take is counted in these.
    bytes           integer not null,
    created_at      integer not null,
    -- When it was put into the queue last: created, or a dead letter that is tried again.
    queued_at       integer not null,
    expires_at      integer not null,
    attempts        integer not null default 0,
    next_at         integer not null,
    -- Not null: a dead letter.
    failed_at       integer
) strict;

create unique index queued_events_source on queued_events (organization_id, user_id, source);
create index queued_events_of_user on queued_events (organization_id, user_id)
    where failed_at is null;
create index queued_events_queued_at on queued_events (queued_at) where failed_at is null;
create index queued_events_expires_at on queued_events (expires_at) where failed_at is null;
create index queued_events_dead on queued_events (organization_id, failed_at, id)
    where failed_at is not null;
create index queued_events_failed_at on queued_events (failed_at) where failed_at is not null;

create table idempotent_requests (
    organization_id text not null,
    user_id         text not null,
    key             text not null,
    -- What is asked for: the same key for something else is a mistake.
    fingerprint     text not null,
    id              text not null,
    -- Null while it is carried out.
    status          integer,
    body            text,
    claimed_at      integer not null,
    expires_at      integer not null,
    primary key (organization_id, user_id, key)
) strict;

create index idempotent_requests_expires_at on idempotent_requests (expires_at);
