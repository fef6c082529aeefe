-- NOT NULL is told with the columns, however a server's version keeps it.
SELECT relation.relname, rule.conname, pg_get_constraintdef(rule.oid)
  FROM pg_constraint AS rule
  JOIN pg_class AS relation ON relation.oid = rule.conrelid
 WHERE rule.contype <> 'n'
   AND relation.relnamespace = current_schema()::regnamespace AND relation.relname !~ '^(_?yoyo|slipway)_'
 ORDER BY relation.relname, rule.conname
