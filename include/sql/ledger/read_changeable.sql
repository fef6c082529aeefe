-- The tables of the record that the session's role could change or empty.
SELECT name FROM unnest(ARRAY['opened_release', 'ledger_entry', 'drawing']) AS name
WHERE has_table_privilege(name, 'UPDATE') OR has_table_privilege(name, 'DELETE')
   OR has_table_privilege(name, 'TRUNCATE')
ORDER BY name
