-- The prices that held at some moment of the day.
-- Definition: every price that began on the day, and per model the last one before it.
-- Grain:      one row per model and beginning.
-- Unit:       USD per prompt token, exact to twelve decimals.
-- Source:     PostgreSQL token_price, through the product's named collection.
-- Edge cases: a price that is NaN is left out, one from before 1970 holds from 1970 on: quality/source_records.yaml names
--             such rows. A model without a price before its first use has none there: such requests are not checked.
INSERT INTO {{ price_extract }}
SELECT *
FROM postgresql({{ collection }}, query = concat($sql$
    SELECT model, greatest(effective_from, timestamp '1970-01-01') AS effective_from, usd_per_token
    FROM (
        SELECT *, lead(effective_from) OVER (PARTITION BY model ORDER BY effective_from) AS next_from
        FROM token_price
        WHERE usd_per_token < 'infinity'
    ) AS price
    WHERE effective_from < timestamp '{{ value("{day:Date} + 1") }}' AND (next_from IS NULL OR next_from > timestamp '{{ value("{day:Date}") }}')
$sql$))
SETTINGS external_table_strict_query = 1
