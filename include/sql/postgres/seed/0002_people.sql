-- 400 users: 200 free, 100 pro, 100 enterprise. The same ids in every sandbox: md5('netra-user-<n>'), n from 1.
-- Every fifth paying customer began on the free plan and converted 30 days later.
INSERT INTO users (id, plan, monthly_budget_usd, created_at, converted_at)
SELECT
    md5('netra-user-' || n)::uuid,
    plan,
    budget,
    created_at,
    CASE WHEN plan <> 'free' AND n % 5 = 0 THEN created_at + interval '30 days' END
FROM (
    SELECT
        n,
        CASE WHEN n % 4 = 0 THEN 'enterprise' WHEN n % 4 = 2 THEN 'pro' ELSE 'free' END AS plan,
        CASE WHEN n % 4 = 0 THEN 1000.00 WHEN n % 4 = 2 THEN 250.00 ELSE 100.00 END AS budget,
        now() - make_interval(days => 40 + n % 300) AS created_at
    FROM generate_series(1, 400) AS n
) AS people
ON CONFLICT (id) DO NOTHING;
