SELECT (SELECT sum(pg_database_size(datname)) FROM pg_database
         WHERE datallowconn AND has_database_privilege(datname, 'CONNECT'))::bigint,
       coalesce((SELECT sum(pg_total_relation_size(oid)) FROM pg_class
                  WHERE relkind = 'r' AND relname = ANY(%(tables)s) AND pg_table_is_visible(oid)), 0)::bigint
