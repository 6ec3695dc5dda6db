-- Tokens that are no longer believed, and users who were sent away, until nothing is left that each
-- could concern. Nodes have them in memory: they read all at start, and those that are new every
-- second.

create table revocations (
    organization_id text not null,
    -- token: one, by its jti. tokens: a user's, issued before a moment. sockets: those that a user
    -- had at revoked_at.
    kind            text not null,
    subject         text not null,
    issued_before   integer,
    reason          text,
    revoked_at      integer not null,
    expires_at      integer not null,
    primary key (organization_id, kind, subject)
) strict;

create index revocations_revoked_at on revocations (revoked_at);
create index revocations_expires_at on revocations (expires_at);
