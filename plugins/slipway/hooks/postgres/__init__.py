"""The product's PostgreSQL: migrations, backfills, read-only checks."""
