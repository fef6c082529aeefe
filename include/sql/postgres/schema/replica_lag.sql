-- The server's own replay_lag stands still while a replica replays nothing at all; the positions tell then.
SELECT count(*), coalesce(max(extract(epoch FROM replay_lag)), 0)::float8,
       (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint, min(replay_lsn - '0/0'::pg_lsn)::bigint
  FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'
