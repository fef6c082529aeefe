SELECT relation.relname, index.relname,
       CASE WHEN pg_index.indisunique THEN 'unique ' ELSE '' END
       || substring(pg_get_indexdef(index.oid) FROM ' USING (.*)$')
       || CASE WHEN pg_index.indisvalid THEN '' ELSE ' invalid' END
  FROM pg_index
  JOIN pg_class AS index ON index.oid = pg_index.indexrelid
  JOIN pg_class AS relation ON relation.oid = pg_index.indrelid
 WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relname !~ '^(_?yoyo|slipway)_'
 ORDER BY relation.relname, index.relname
