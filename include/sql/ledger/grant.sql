-- What the application's role may do: read everything, and add to the record. What releases work with (locks, the
-- newest name or check of a step) it may change, in the columns that change.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {{ role }};
GRANT USAGE ON SCHEMA public TO {{ role }};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {{ role }};
GRANT INSERT ON opened_release, ledger_entry, drawing, lease, operation, refused_request, bake_check TO {{ role }};
GRANT UPDATE (release_id, taken_at, until), DELETE ON lease TO {{ role }};
GRANT UPDATE (name, begun_at) ON operation TO {{ role }};
GRANT UPDATE (reasons, notified) ON refused_request TO {{ role }};
GRANT UPDATE (decision, series, checked_at) ON bake_check TO {{ role }};
