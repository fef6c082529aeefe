SELECT relname FROM pg_class
 WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND relname !~ '^(_?yoyo|slipway)_'
 ORDER BY relname
