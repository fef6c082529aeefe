-- Tables too big to be counted, with points spread evenly over their keys, as the planner knows them. Only keys that
-- say nothing about a person: they are put on record.
SELECT relation.relname, attribute.attname, stats.histogram_bounds::text::text[]
  FROM pg_class AS relation
  JOIN pg_index ON pg_index.indrelid = relation.oid AND pg_index.indisprimary AND pg_index.indnkeyatts = 1
  JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid AND attribute.attnum = pg_index.indkey[0]
  JOIN pg_stats AS stats
    ON stats.schemaname = current_schema() AND stats.tablename = relation.relname AND stats.attname = attribute.attname
 WHERE relation.relkind = 'r' AND relation.relnamespace = current_schema()::regnamespace
   AND relation.relname !~ '^(_?yoyo|slipway)_'
   AND attribute.atttypid IN ('uuid'::regtype, 'integer'::regtype, 'bigint'::regtype)
   AND pg_relation_size(relation.oid) > %(bytes)s AND stats.histogram_bounds IS NOT NULL
 ORDER BY relation.relname
