-- The words are an index already; the number keeps both folders alike.
select 1;
