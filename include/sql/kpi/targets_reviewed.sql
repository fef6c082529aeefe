-- What was said about the business targets on the newest reviewed day, and which release they are dated from.
SELECT as_of, release_id, version, promoted_on, horizon, title, unit, status, value, at_least, at_most,
       forecast, forecast_low, forecast_high, due, reason
FROM target_review
WHERE product = {product:String} AND as_of = (SELECT max(as_of) FROM target_review WHERE product = {product:String})
ORDER BY due, horizon, title
