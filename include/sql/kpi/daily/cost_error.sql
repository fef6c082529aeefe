-- kpi: cost_error_usd
-- Formula:    sum of the absolute differences between the recorded cost and tokens used * the price of that moment.
-- Grain:      per day and dimension.
-- Unit:       USD, exact to six decimals.
-- Over days:  sum.
-- Source:     totals of the day's facts; the prices are the product's price book.
-- Edge cases: never negative: too much and too little do not cancel out.
SELECT
    {day:Date}, 'cost_error_usd', dim,
    cost_error_usd,
    NULL, NULL, checked, 'USD', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
