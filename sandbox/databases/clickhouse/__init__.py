"""The real ClickHouse engine (chDB) behind ClickHouse's HTTP protocol, as one loopback process."""
