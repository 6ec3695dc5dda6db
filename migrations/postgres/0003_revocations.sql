-- Tokens that are no longer believed, and users who were sent away, until nothing is left that each
-- could concern. Nodes have them in memory: they read all at start, and those that are new every
-- second.

create table revocations (
    organization_id text collate "C" not null,
    -- token: one, by its jti. tokens: a user's, issued before a moment. sockets: those that a user
    -- had at revoked_at.
    kind            text collate "C" not null,
    subject         text collate "C" not null,
    issued_before   timestamptz,
    reason          text,
    revoked_at      timestamptz not null,
    expires_at      timestamptz not null,
    primary key (organization_id, kind, subject)
);

create index revocations_revoked_at on revocations (revoked_at);
create index revocations_expires_at on revocations (expires_at);
