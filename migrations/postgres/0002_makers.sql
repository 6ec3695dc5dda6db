-- Which socket made a change: it has the ack, and is not told again when somebody reads the change
-- back. Null: not a socket, or stored before this was known. Only nodes ask for it, never clients.

alter table messages add column sender_socket text collate "C";
alter table changes add column socket text collate "C";
