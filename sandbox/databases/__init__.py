"""The database servers of the sandbox: real PostgreSQL, the real ClickHouse engine, real Prometheus."""
