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

{# A value of ClickHouse inside $sql$ ... $sql$, the parts of a query for PostgreSQL that concat puts together. #}
{% macro value(expression) %}$sql$, toString({{ expression }}), $sql${% endmacro %}

{# FROM {{ every_server('system.disks') }}: the table on every server of the cluster that answers. #}
{% macro every_server(table) %}{{ "clusterAllReplicas('" ~ cluster ~ "', " ~ table ~ ")" if cluster else table }}{% endmacro %}
