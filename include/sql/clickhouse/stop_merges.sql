-- A staging table lives for minutes: its parts are merged once they are published, not while the rest is worked out.
-- Edge cases: holds until the table is dropped or the server restarts; then it is merged after all, which harms nothing.
SYSTEM STOP MERGES {{ table }}
