-- The days after one that were reviewed already: what is said about them rests on that day too.
-- Grain:      one row per day.
-- Source:     target_review.
SELECT DISTINCT as_of FROM target_review WHERE product = {product:String} AND as_of > {day:Date} ORDER BY as_of
