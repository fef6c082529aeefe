-- The windows in which each phase of each release of the product was serving.
-- Definition: a phase serves from the moment its traffic shift was recorded until the next phase's, the recorded
--             rollback of the traffic, or the end of the release, whichever comes first; an open release's has no end.
-- Grain:      one row per release and phase of the service whose traffic moves step by step.
-- Source:     PostgreSQL release and ledger_entry, through the named collection slipway_ledger.
-- Edge cases: requests that the new revision answered between the shift and its record are in the window before,
--             or in none. Windows of one service do not overlap: its lease admits one release at a time.
INSERT INTO {{ release_extract }}
SELECT *
FROM postgresql(slipway_ledger, query = concat($sql$
    WITH step AS (
        SELECT release_id, key, at
        FROM ledger_entry
        WHERE key ~ '^shifted/[a-z_]+$' OR key IN ('rolled_back/traffic', 'rolled_back/reconciled', 'closed')
    ), bounded AS (
        SELECT *, lead(at) OVER (PARTITION BY release_id ORDER BY at) AS next_at FROM step
    )
    SELECT
        release.release_id,
        release.version,
        service.value -> 'names' ->> 'production' AS service,
        service.value -> 'revisions' ->> 'production' AS revision,
        split_part(bounded.key, '/', 2) AS phase,
        bounded.at AT TIME ZONE 'UTC' AS began_at,
        coalesce(bounded.next_at, release.closed_at) AT TIME ZONE 'UTC' AS ended_at
    FROM bounded
    JOIN release USING (release_id)
    CROSS JOIN LATERAL jsonb_each(release.plan -> 'services') AS service
    WHERE release.plan ->> 'policy_name' = '{{ value("{product:String}") }}'
        AND bounded.key LIKE 'shifted/%' AND (service.value ->> 'progressive')::boolean
$sql$))
SETTINGS external_table_strict_query = 1
