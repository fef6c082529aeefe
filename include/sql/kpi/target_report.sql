-- What was said about the business targets on one day, as a reader prints it.
SELECT title, status, value, unit, due, reason
FROM target_review
WHERE product = {product:String} AND as_of = {day:Date}
ORDER BY due, title
