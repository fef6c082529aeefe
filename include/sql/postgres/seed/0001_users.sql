-- The product's own base table, as it was before the first release of token optimization.
CREATE TABLE IF NOT EXISTS users (
    id                 uuid PRIMARY KEY,
    plan               text NOT NULL CHECK (plan IN ('free', 'pro', 'enterprise')),
    monthly_budget_usd numeric(10, 2) NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    converted_at       timestamptz
);
