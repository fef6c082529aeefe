-- Which release and phase a request belongs to, what it should have cost, and everything but the usage.
{% call alter('usage_fact') %}
    ADD COLUMN IF NOT EXISTS version LowCardinality(String) AFTER revision,
    ADD COLUMN IF NOT EXISTS release LowCardinality(String) AFTER version,
    ADD COLUMN IF NOT EXISTS phase LowCardinality(String) AFTER release,
    ADD COLUMN IF NOT EXISTS arm LowCardinality(String) AFTER phase,
    ADD COLUMN IF NOT EXISTS expected_cost_usd Nullable(Decimal(10, 6)) AFTER cost_original_usd{% endcall %};

-- The source's own fingerprint of what it sent: every column of every row, in any order.
ALTER TABLE usage_extract{{ on_cluster }}
    ADD COLUMN IF NOT EXISTS control_hash Nullable(Int64);

-- deleted: asked to be forgotten. plan, mrr_usd and paid_since are as of the end of the day.
ALTER TABLE person_extract{{ on_cluster }}
    ADD COLUMN IF NOT EXISTS deleted Bool,
    ADD COLUMN IF NOT EXISTS mrr_usd Decimal(12, 2),
    ADD COLUMN IF NOT EXISTS paid_since Nullable(Date);

-- The shapes of further extracts. Stay empty, as those before.
CREATE TABLE IF NOT EXISTS price_extract{{ on_cluster }}
(
    model          String,
    effective_from DateTime64(6, 'UTC'),
    usd_per_token  Decimal(14, 12)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (model, effective_from);

CREATE TABLE IF NOT EXISTS release_extract{{ on_cluster }}
(
    release_id String,
    version    String,
    service    String,
    revision   String,
    phase      String,
    began_at   DateTime64(6, 'UTC'),
    ended_at   Nullable(DateTime64(6, 'UTC'))
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY began_at;

CREATE TABLE IF NOT EXISTS event_extract{{ on_cluster }}
(
    source       Nullable(String),
    id           Nullable(UUID),
    user_id      Nullable(UUID),
    revision     Nullable(String),
    kind         Nullable(String),
    quantity     Nullable(Int32),
    of_quantity  Nullable(Int32),
    amount       Nullable(Decimal(18, 6)),
    created_at   Nullable(DateTime64(6, 'UTC')),
    control_rows Nullable(UInt64),
    control_hash Nullable(Int64)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();

-- One row per event of the product: a watched optimization, a budget alert, an incident, a use of a cost feature, an
-- answer, an enquiry, a change of a subscription, a conversion. What quantity and amount mean depends on the source.
CREATE TABLE IF NOT EXISTS event_fact{{ on_cluster }}
(
    day         Date,
    source      LowCardinality(String),
    id          UUID,
    user_id     UUID,
    plan        LowCardinality(String),
    revision    LowCardinality(String),
    version     LowCardinality(String),
    release     LowCardinality(String),
    phase       LowCardinality(String),
    arm         LowCardinality(String),
    kind        LowCardinality(String),
    quantity    Nullable(Int32),
    of_quantity Nullable(Int32),
    amount      Nullable(Decimal(18, 6)),
    created_at  DateTime64(6, 'UTC')
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY (source, user_id, created_at, id);{{ all_shards('event_fact') }}

-- The windows in which a release's phase was serving, for the days they touch.
CREATE TABLE IF NOT EXISTS release_phase{{ on_cluster }}
(
    day        Date,
    release_id String,
    version    LowCardinality(String),
    service    LowCardinality(String),
    revision   LowCardinality(String),
    phase      LowCardinality(String),
    began_at   DateTime64(6, 'UTC'),
    ended_at   Nullable(DateTime64(6, 'UTC'))
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY (release_id, began_at);{{ all_shards('release_phase') }}

-- Who paid what at the end of a day.
CREATE TABLE IF NOT EXISTS subscriber_day{{ on_cluster }}
(
    day        Date,
    user_id    UUID,
    plan       LowCardinality(String),
    mrr_usd    Decimal(12, 2),
    paid_since Date
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY user_id;{{ all_shards('subscriber_day') }}

-- What the source said it sent for a published day: a day whose source says something else now is rolled up again.
CREATE TABLE IF NOT EXISTS source_fingerprint{{ on_cluster }}
(
    day    Date,
    source LowCardinality(String),
    rows   UInt64,
    hash   Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY source;{{ all_shards('source_fingerprint') }}

-- The shape of the day's usage, summed up as far as every rollup can still be made from it. Stays empty.
CREATE TABLE IF NOT EXISTS usage_cell{{ on_cluster }}
(
    user_id         UUID,
    session_key     String,
    plan            LowCardinality(String),
    model           LowCardinality(String),
    revision        LowCardinality(String),
    version         LowCardinality(String),
    release         LowCardinality(String),
    phase           LowCardinality(String),
    arm             LowCardinality(String),
    requests        UInt64,
    tokens_used     UInt64,
    tokens_original UInt64,
    attempts        UInt64,
    successes       UInt64,
    priced          UInt64,
    checked         UInt64,
    accurate        UInt64,
    cost_usd        Decimal(38, 6),
    cost_before_usd Decimal(38, 6),
    cost_after_usd  Decimal(38, 6),
    cost_error_usd  Decimal(38, 6)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();

ALTER TABLE usage_totals{{ on_cluster }}
    ADD COLUMN IF NOT EXISTS feature_sessions UInt64,
    ADD COLUMN IF NOT EXISTS checked UInt64,
    ADD COLUMN IF NOT EXISTS accurate UInt64,
    ADD COLUMN IF NOT EXISTS cost_error_usd Decimal(38, 6);

-- The shape of the day's events, counted per dimension. Stays empty.
CREATE TABLE IF NOT EXISTS event_totals{{ on_cluster }}
(
    dim                 String,
    events_owed         UInt64,
    events_delivered    UInt64,
    deliveries          UInt64,
    slowest_p95_ms      Nullable(Decimal(18, 6)),
    budget_alerts       UInt64,
    isolation_breaches  UInt64,
    critical_incidents  UInt64,
    feature_users       UInt64,
    engaged_users       UInt64,
    users_at_limit      UInt64,
    answers             UInt64,
    satisfied           UInt64,
    enquiries           UInt64,
    conversions         UInt64
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY dim;
