-- Forty days of every KPI's table, so that each panel has something to show. <kpis> is the list of daily KPIs.
INSERT INTO kpi_daily
SELECT
    'token-optimization', toDate('2026-03-01') + day, kpi, dim, toDecimal128(10 + day, 6), toDecimal128(20 + day, 6), toDecimal128(100 + day, 6),
    100, 'any', 1, 'run', now64(3)
FROM (SELECT number AS day FROM numbers(40)) AS days
CROSS JOIN (SELECT arrayJoin([<kpis>]) AS kpi) AS kpis
CROSS JOIN
(
    SELECT arrayJoin(['all', 'plan=free', 'plan=pro', 'release=1.1.0', 'phase=1.1.0/canary/new', 'phase=1.1.0/canary/stable']) AS dim
) AS dims;

INSERT INTO usage_user_day (product, day, user_id, plan, requests, tokens_used, attempts, successes, cost_usd, cost_before_usd, cost_after_usd, saved_usd)
SELECT
    'token-optimization', toDate('2026-03-01') + day, toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(1 + user), 12, '0'))), 'pro',
    if(day > 32, 1, 40), 1000, 10, 9, 8, 10, 8, 2
FROM (SELECT number AS day FROM numbers(40)) AS days
CROSS JOIN (SELECT number AS user FROM numbers(60)) AS users;

INSERT INTO event_fact (product, day, source, id, user_id, plan, kind, created_at)
SELECT product, day, 'cost_feature', generateUUIDv4(), user_id, plan, 'viewed', toDateTime64(day, 6) FROM usage_user_day;

INSERT INTO subscriber_day (product, day, user_id, plan, mrr_usd, paid_since)
SELECT product, day, user_id, plan, 100, toDate('2026-03-10') FROM usage_user_day WHERE day >= '2026-03-10';

INSERT INTO target_review (product, as_of, release_id, version, promoted_on, horizon, target, title, status, value, at_least, n, due)
SELECT
    'token-optimization', toDate('2026-03-01') + day, 'r', '1.1.0', toDate('2026-03-01'), horizon, 'savings', 'Savings', 'on_track', 10, 20, 3,
    toDate('2026-03-30')
FROM (SELECT number AS day FROM numbers(40)) AS days
CROSS JOIN (SELECT arrayJoin(['week_1', 'month_1', 'quarter_1', 'year_1']) AS horizon) AS horizons;
