"""The database servers of the sandbox: real PostgreSQL, ClickHouse and Prometheus."""
