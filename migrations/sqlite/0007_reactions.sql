-- Who put which emoji on a message: `[{"emoji", "userIds"}]`, in the order in which they came. It is
-- in the message's row because a reaction writes that row anyway (`rev`), and so whoever reads a
-- message has it without a second look. Sends do not touch it.

alter table messages add column reactions text not null default '[]';
-- Of a change that is a reaction.
alter table changes add column emoji text;
