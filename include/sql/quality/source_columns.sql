-- Every column of the source's tables and views, with its type.
SELECT table_name, column_name, type
FROM postgresql({{ collection }}, query = $sql$
    SELECT
        class.relname::text AS table_name,
        attribute.attname::text AS column_name,
        format_type(attribute.atttypid, attribute.atttypmod) AS type
    FROM pg_attribute AS attribute
    JOIN pg_class AS class ON class.oid = attribute.attrelid
    WHERE class.relnamespace = to_regnamespace(current_schema()) AND class.relkind IN ('r', 'p', 'v', 'm')
        AND attribute.attnum > 0 AND NOT attribute.attisdropped
$sql$)
ORDER BY table_name, column_name
