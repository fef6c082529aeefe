{# What every template can use. cluster: the ClickHouse cluster to define on, or none for a single server. #}

{# CREATE TABLE t{{ on_cluster }} #}
{% set on_cluster = " ON CLUSTER '" ~ cluster ~ "'" if cluster else "" %}

{# ENGINE = {{ engine('MergeTree') }} #}
{% macro engine(name) %}{{ "Replicated" if cluster else "" }}{{ name }}{% endmacro %}

{# After the CREATE TABLE of a table that keeps days: beside it, the table that reads all shards. #}
{% macro all_shards(table) %}{% if cluster %}


CREATE TABLE IF NOT EXISTS {{ table }}_all{{ on_cluster }} AS {{ table }} ENGINE = Distributed('{{ cluster }}', currentDatabase(), '{{ table }}');
{%- endif %}{% endmacro %}

{# {% call alter('t') %} ADD COLUMN ...{% endcall %}: of a table that keeps days, and of the one that reads all shards. #}
{% macro alter(table) %}ALTER TABLE {{ table }}{{ on_cluster }}{{ caller() }}
{%- if cluster %};

ALTER TABLE {{ table }}_all{{ on_cluster }}{{ caller() }}{% endif %}{% endmacro %}

{# A table that kept the days of one product keeps those of each. A partition key cannot be altered: the table is made anew
   with its rows, in one step. On a cluster only without rows, since each of its servers would copy them. #}
{% macro keep_products(table, day, order) %}{% call alter(table) %}
    ADD COLUMN IF NOT EXISTS product LowCardinality(String) DEFAULT 'token-optimization' FIRST{% endcall %};

CREATE OR REPLACE TABLE {{ table }}{{ on_cluster }}
ENGINE = {{ engine('MergeTree') }}
PARTITION BY (product, {{ day }})
ORDER BY {{ order }}
AS SELECT * FROM {{ table }}{% if cluster %}
WHERE throwIf({{ day }} >= '1970-01-01', '{{ table }} has days: docs/clickhouse-cluster.md, Days from before products'){% endif %}

SETTINGS max_partitions_per_insert_block = 0{% endmacro %}

{# A value of ClickHouse inside $sql$ ... $sql$, the parts of a query for PostgreSQL that concat puts together. #}
{% macro value(expression) %}$sql$, toString({{ expression }}), $sql${% endmacro %}

{# FROM {{ every_server('system.disks') }}: the table on every server of the cluster that answers. #}
{% macro every_server(table) %}{{ "clusterAllReplicas('" ~ cluster ~ "', " ~ table ~ ")" if cluster else table }}{% endmacro %}
