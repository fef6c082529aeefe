-- What the source said it sent.
-- Grain:      one row per source: the usage, the events, the customers up to the end of the day.
-- Source:     the trailers and the control of this run's extracts.
INSERT INTO {{ source_fingerprint }} (* EXCEPT product)
SELECT {day:Date}, 'usage', control_rows, control_hash
FROM {{ usage_control }}
UNION ALL
SELECT {day:Date}, 'events', assumeNotNull(control_rows), assumeNotNull(control_hash)
FROM {{ event_extract }}
WHERE control_rows IS NOT NULL
UNION ALL
SELECT {day:Date}, 'customers', control_rows, control_hash
FROM {{ customer_control }}
