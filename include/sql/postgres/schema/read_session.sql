SELECT pg_backend_pid(), current_setting('slipway.session', true)
