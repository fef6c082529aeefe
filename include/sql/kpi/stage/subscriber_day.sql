-- Who paid what at the end of the day.
-- Grain:      one row per user with recurring revenue.
-- Unit:       USD per month, exact to the cent.
-- Source:     this run's extract of the users.
-- Edge cases: users who asked to be forgotten are left out, and so is their revenue.
INSERT INTO {{ subscriber_day }} (* EXCEPT product)
SELECT {day:Date}, id, plan, mrr_usd, assumeNotNull(paid_since)
FROM {{ person_extract }}
WHERE mrr_usd > 0 AND NOT deleted
