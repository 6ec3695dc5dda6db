-- Whose membership a change is about; null for all other changes.

alter table changes add column member_id text;
