-- kpi: cost_accuracy_percent
-- Formula:    100 * requests whose recorded cost is tokens used * the price of that moment, to a microdollar / requests
--             checked.
-- Grain:      per day and dimension.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's facts; the prices are the product's price book.
-- Edge cases: NULL without requests to check. A request without tokens, cost or price is not checked.
SELECT
    {day:Date}, 'cost_accuracy_percent', dim,
    if(checked = 0, NULL, round(divideDecimal(toDecimal128(accurate * 100, 6), toDecimal128(greatest(checked, 1), 6), 12), 6)),
    accurate, checked, checked, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
