-- The figures about the staged day, in one row, as the expectations of staged_day see them.
SELECT * FROM {{ staged_day }}
