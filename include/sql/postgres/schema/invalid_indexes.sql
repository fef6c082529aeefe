-- Left over by an index build that ended half-way. One that is being built now is invalid too, until it is done.
SELECT index.relname
  FROM pg_index
  JOIN pg_class AS index ON index.oid = pg_index.indexrelid
 WHERE NOT pg_index.indisvalid AND index.relkind = 'i'
   AND pg_table_is_visible(index.oid)
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS build WHERE build.index_relid = index.oid)
 ORDER BY index.relname
