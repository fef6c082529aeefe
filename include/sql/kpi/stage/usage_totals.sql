-- The day's totals per dimension: all, each revision, plan, model, release, and each side of a release's phases. Every
-- KPI of the usage is a formula over these.
-- Formula:    sums as in usage_cell; sessions: users' sessions; feature sessions: those with an attempted optimization.
-- Grain:      one row per dimension; a request counts once in 'all' and once per kind of dimension.
-- Source:     this run's usage, summed up.
-- Edge cases: on a day without rows 'all' is there with zeros. A user served by two revisions counts in both. A
--             request outside of every release window has no phase; one of a revision no release made, no release.
INSERT INTO {{ usage_totals }}
(
    dim, requests, tokens_used, tokens_original, users, sessions, optimized_users, attempts, successes, priced,
    cost_usd, cost_before_usd, cost_after_usd, feature_sessions, checked, accurate, cost_error_usd
)
WITH usage AS
(
    SELECT
        *,
        arrayJoin(arrayFilter(name -> name != '', [
            'all',
            concat('revision=', if(revision = '', 'unknown', revision)),
            concat('plan=', plan),
            concat('model=', if(model = '', 'unknown', model)),
            if(version = '', '', concat('release=', version)),
            if(phase = '', '', concat('phase=', release, '/', phase, '/', arm))
        ])) AS dim
    FROM {{ usage_cell }}
)
SELECT
    dim,
    sum(requests),
    sum(tokens_used),
    sum(tokens_original),
    uniqExact(user_id),
    uniqExact(user_id, session_key),
    uniqExactIf(user_id, successes > 0),
    sum(attempts),
    sum(successes),
    sum(priced),
    sum(cost_usd),
    sum(cost_before_usd),
    sum(cost_after_usd),
    uniqExactIf((user_id, session_key), attempts > 0),
    sum(checked),
    sum(accurate),
    sum(cost_error_usd)
FROM usage
GROUP BY dim
UNION ALL
SELECT 'all', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
WHERE (SELECT count() FROM {{ usage_cell }}) = 0
