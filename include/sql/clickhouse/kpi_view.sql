CREATE OR REPLACE VIEW kpi{{ on_cluster }}
(
    product            String,
    as_of              Date,
    kpi                String,
    dim                String,
    value              Nullable(Decimal(38, 6)),
    numerator          Nullable(Decimal(38, 6)),
    denominator        Nullable(Decimal(38, 6)),
    n                  UInt64,
    unit               String,
    definition_version UInt16,
    run_id             String,
    published_at       DateTime64(3, 'UTC')
)
AS
SELECT * FROM kpi_daily
UNION ALL
{{ union_all('kpi/windowed') }}
