-- Who met revisions since a moment, by the product's own records.
-- Requests:   rows of usage: requests that were priced. One that failed before that left none.
-- Users:      of the usage and of every other event that names its revision.
-- Sessions:   of the usage.
-- Edge cases: what the product has not written yet is not counted; created_at and since are UTC.
WITH usage AS (
    SELECT user_id, session_key
    FROM token_usage_tracking
    WHERE created_at >= %(since)s AND revision = ANY(%(revisions)s)
), met AS (
    SELECT user_id FROM usage
    UNION
    SELECT user_id FROM kpi_event WHERE created_at >= %(since)s AND revision = ANY(%(revisions)s)
)
SELECT
    (SELECT count(*) FROM usage),
    (SELECT count(user_id) FROM met),
    (SELECT count(DISTINCT (user_id, session_key)) FROM usage)
