-- Whether the server is a replica, and whether the session's transactions may write.
SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'
