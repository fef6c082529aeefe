-- When a revision served that was rolled back later, as the incident reports of the product's releases say.
-- Definition: from the moment that it got traffic until it had none any more, or else until the
--             release was closed: a first release has nothing to return to.
-- Grain:      one row per release and service whose window touches the day.
-- Unit:       most_percent: its highest share of the traffic; users: of the whole window, not of the day.
-- Source:     PostgreSQL release and ledger_entry (incident), through the named collection slipway_ledger.
-- Edge cases: a window over midnight is there on both days, whole. A release that is rolled back after a day was
--             published has the day rolled up again (late/differing_days.sql).
INSERT INTO {{ bad_revision }} (* EXCEPT product)
SELECT {day:Date}, release_id, version, service, revision, most_percent, began_at, ended_at, users, reason
FROM postgresql(slipway_ledger, query = concat($sql$
    SELECT *
    FROM (
        SELECT
            release.release_id,
            release.version,
            served.key AS service,
            served.value AS revision,
            (payload -> 'most_percent' ->> served.key)::double precision AS most_percent,
            (payload ->> 'began_at')::timestamptz AT TIME ZONE 'UTC' AS began_at,
            coalesce((payload ->> 'ended_at')::timestamptz, release.closed_at) AT TIME ZONE 'UTC' AS ended_at,
            (payload ->> 'users')::bigint AS users,
            payload ->> 'reason' AS reason
        FROM ledger_entry
        JOIN release USING (release_id)
        CROSS JOIN LATERAL jsonb_each_text(payload -> 'revisions') AS served
        WHERE ledger_entry.key = 'incident' AND release.plan ->> 'policy_name' = '{{ value("{product:String}") }}'
    ) AS incident
    WHERE began_at < timestamp '{{ value("{day:Date} + 1") }}' AND ended_at > timestamp '{{ value("{day:Date}") }}'
$sql$))
SETTINGS external_table_strict_query = 1
