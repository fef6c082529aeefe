-- What the source said it sent.
-- Grain:      one row per source: the usage, the events.
-- Source:     the trailers of this run's extracts.
INSERT INTO {source_fingerprint:Identifier}
SELECT {day:Date}, 'usage', assumeNotNull(control_rows), assumeNotNull(control_hash)
FROM {usage_extract:Identifier}
WHERE control_rows IS NOT NULL
UNION ALL
SELECT {day:Date}, 'events', assumeNotNull(control_rows), assumeNotNull(control_hash)
FROM {event_extract:Identifier}
WHERE control_rows IS NOT NULL
