-- When users were seen to be what: one row a change, from which sessions are made when somebody asks.
-- Rows may come in any order, from any node. With empty ids: a node began that shares presence with
-- nobody, and so nobody was there.

create table presence_changes (
    organization_id text    not null,
    user_id         text    not null,
    at              integer not null,
    status          text    not null,
    primary key (organization_id, user_id, at)
) strict;

-- What is too old is deleted.
create index presence_changes_at on presence_changes (at);
