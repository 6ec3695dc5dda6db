-- What a message is found by: its words (`store/src/search/words.rs`) and `#` with its conversation.
--
-- A generated column would rewrite the table under a lock that nobody gets past. This one is null at
-- first, which takes no time; nodes write it with each message, and fill in what is there already in
-- small batches (`index_messages`).

alter table messages add column search tsvector;

-- A node that knows nothing of it may edit a message meanwhile: then it is filled in once more. Only
-- statements that set `content` get here, so sends and reactions pay nothing.
create function messages_forget_search() returns trigger language plpgsql as $$
begin
    if new.content is distinct from old.content and new.search is not distinct from old.search then
        new.search := null;
    end if;
    return new;
end
$$;
create trigger messages_forget_search before update of content on messages
    for each row execute function messages_forget_search();
