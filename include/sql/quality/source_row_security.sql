-- The tables from which row-level security may hide rows when the rollup reads them.
-- Definition: row-level security is in force for who reads, and no policy of theirs lets every row pass, or a restrictive one
--             takes some away again. Who reads a table is the collection's role; through a view it is the view's owner.
-- Grain:      one row per table and reader, and what is read: the table itself, or a view of it.
-- Source:     PostgreSQL's catalog, through the product's named collection.
-- Edge cases: superusers, roles with BYPASSRLS, and a table's owner without FORCE read everything.
SELECT table_name, reader, relation
FROM postgresql({{ collection }}, query = $sql$
    WITH reading AS (
        SELECT class.oid AS table_oid, class.relname AS relation, current_user::regrole::oid AS reader
        FROM pg_class AS class
        WHERE class.relnamespace = to_regnamespace(current_schema()) AND class.relkind IN ('r', 'p')
        UNION
        SELECT used.refobjid, view.relname,
            CASE WHEN view.reloptions::text LIKE '%security_invoker=true%' THEN current_user::regrole::oid ELSE view.relowner END
        FROM pg_class AS view
        JOIN pg_rewrite ON pg_rewrite.ev_class = view.oid
        JOIN pg_depend AS used ON used.objid = pg_rewrite.oid AND used.classid = 'pg_rewrite'::regclass AND used.refclassid = 'pg_class'::regclass
        WHERE view.relnamespace = to_regnamespace(current_schema()) AND view.relkind = 'v'
    ), applied AS (
        SELECT class.oid, class.relname, reading.reader, reading.relation
        FROM reading
        JOIN pg_class AS class ON class.oid = reading.table_oid AND class.relrowsecurity
        JOIN pg_roles AS role ON role.oid = reading.reader AND NOT (role.rolsuper OR role.rolbypassrls)
        WHERE class.relforcerowsecurity OR NOT pg_has_role(reading.reader, class.relowner, 'USAGE')
    )
    SELECT applied.relname::text AS table_name, pg_get_userbyid(applied.reader)::text AS reader, applied.relation::text AS relation
    FROM applied
    LEFT JOIN pg_policy AS policy
        ON policy.polrelid = applied.oid AND policy.polcmd IN ('r', '*')
        AND EXISTS (
            SELECT FROM unnest(policy.polroles) AS named (role)
            WHERE named.role = 0 OR pg_has_role(applied.reader, named.role, 'USAGE')
        )
    GROUP BY applied.relname, applied.reader, applied.relation
    HAVING NOT coalesce(bool_or(policy.polpermissive AND pg_get_expr(policy.polqual, policy.polrelid) = 'true'), false)
        OR bool_or(NOT policy.polpermissive AND pg_get_expr(policy.polqual, policy.polrelid) <> 'true')
$sql$)
ORDER BY table_name, reader, relation
