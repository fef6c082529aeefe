-- Of these names, the tables that this session may lock as a vacuum does.
SELECT relname FROM pg_class
 WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND relname = ANY(%(names)s)
   AND has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')
 ORDER BY relname
