-- The release windows that touch the day.
-- Grain:      one row per release and phase.
-- Source:     this run's extract of the ledger.
-- Edge cases: a window over midnight is there on both days, whole.
INSERT INTO {{ release_phase }} (* EXCEPT product)
SELECT {day:Date}, release_id, version, service, revision, phase, began_at, ended_at
FROM {{ release_extract }}
WHERE began_at < toDateTime64({day:Date} + 1, 6, 'UTC')
    AND (ended_at IS NULL OR ended_at > toDateTime64({day:Date}, 6, 'UTC'))
