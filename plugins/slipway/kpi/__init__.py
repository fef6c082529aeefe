"""The daily rollup of business KPIs: one UTC day, from PostgreSQL into ClickHouse."""
