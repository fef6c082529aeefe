SELECT session.pid, session.application_name, session.backend_start
  FROM pg_locks AS lock
  JOIN pg_stat_activity AS session USING (pid)
 WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objid = 1360739857
   AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
