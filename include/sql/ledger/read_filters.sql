-- What the list of releases can be filtered by: every product, every service, and everybody who asked for a release.
SELECT ARRAY(SELECT DISTINCT plan ->> 'policy_name' FROM release ORDER BY 1),
       ARRAY(SELECT DISTINCT jsonb_object_keys(stable) FROM release ORDER BY 1),
       ARRAY(SELECT actor FROM release UNION SELECT actor FROM refused_request ORDER BY 1)
