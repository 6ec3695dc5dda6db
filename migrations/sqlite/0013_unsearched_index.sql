-- What is not in `searchable` is found by its key; the number keeps both folders alike.
select 1;
