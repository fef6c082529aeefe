SELECT count(*), coalesce(max(extract(epoch FROM replay_lag)), 0)::float8
  FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'
