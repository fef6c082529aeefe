-- The releases that were opened in a period, the oldest first.
SELECT release_id FROM release WHERE opened_at >= %(since)s AND opened_at < %(until)s ORDER BY opened_at, release_id
