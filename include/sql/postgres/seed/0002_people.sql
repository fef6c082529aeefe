-- %(ids)s: the users' ids in the order of their numbers, the same in every sandbox.
-- Half of them are on the free plan, a quarter on each of the others. Every fifth paying customer began on the
-- free plan and converted 30 days later.
INSERT INTO users (id, plan, monthly_budget_usd, created_at, converted_at)
SELECT
    id,
    plan,
    CASE plan WHEN 'enterprise' THEN 1000.00 WHEN 'pro' THEN 250.00 ELSE 100.00 END,
    created_at,
    CASE WHEN plan <> 'free' AND mod(number, 5) = 0 THEN created_at + interval '30 days' END
FROM (
    SELECT
        id,
        number,
        CASE mod(number, 4) WHEN 0 THEN 'enterprise' WHEN 2 THEN 'pro' ELSE 'free' END AS plan,
        now() - make_interval(days => (40 + mod(number, 300))::integer) AS created_at
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS numbered (id, number)
) AS people
ON CONFLICT (id) DO NOTHING;
