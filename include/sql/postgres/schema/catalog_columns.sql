SELECT relation.relname, attribute.attname,
       format_type(attribute.atttypid, attribute.atttypmod) || CASE WHEN attribute.attnotnull THEN ' not null' ELSE '' END
  FROM pg_attribute AS attribute
  JOIN pg_class AS relation ON relation.oid = attribute.attrelid
 WHERE relation.relkind IN ('r', 'p', 'v') AND attribute.attnum > 0 AND NOT attribute.attisdropped
   AND relation.relnamespace = current_schema()::regnamespace
   AND relation.relname !~ '^(_?yoyo|slipway)_'
 ORDER BY relation.relname, attribute.attname
