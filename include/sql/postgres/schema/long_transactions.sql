-- Not the statements: they may hold what nobody should read in a log.
SELECT DISTINCT ON (session.pid)
       session.pid, coalesce(session.usename, ''), coalesce(session.application_name, ''),
       coalesce(session.state, ''), extract(epoch FROM clock_timestamp() - session.xact_start)::float8,
       relation.relname, lock.mode
  FROM pg_locks AS lock
  JOIN pg_class AS relation ON relation.oid = lock.relation
  JOIN pg_stat_activity AS session ON session.pid = lock.pid
 WHERE lock.granted AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND relation.relname = ANY(%(tables)s)
   AND session.pid <> pg_backend_pid()
   AND session.xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
 ORDER BY session.pid, lock.mode
