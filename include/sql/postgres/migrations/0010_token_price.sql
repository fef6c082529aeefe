-- depends: 0003_token_usage_day
-- kind: expand
-- runs_with: >=1.0.0
-- The price book: what a prompt token of a model costs from a moment (UTC) on. A price is never changed, only followed
-- by the next, so that the cost of any day can be worked out again.

CREATE TABLE IF NOT EXISTS token_price (
    model VARCHAR(64) NOT NULL,
    effective_from TIMESTAMP NOT NULL,
    usd_per_token NUMERIC(14,12) NOT NULL CHECK (usd_per_token > 0),
    PRIMARY KEY (model, effective_from)
);
