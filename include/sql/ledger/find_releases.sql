-- A page of the releases and refused requests that the filters leave, the newest first, with how many they leave in
-- all; one row without a release where the page is behind the last one. A refused
-- request is for the services that it names by their key in the policy, or for all of them.
WITH sought AS (
    SELECT planned.key FROM release, jsonb_each(plan -> 'services') AS planned
    WHERE planned.value #>> '{names,production}' = %(service)s
    ORDER BY opened_at DESC LIMIT 1
), found AS (
    SELECT release_id, opened_at FROM release
    WHERE (%(service)s::text IS NULL OR jsonb_exists(stable, %(service)s))
      AND (%(product)s::text IS NULL OR plan ->> 'policy_name' = %(product)s)
      AND (%(person)s::text IS NULL OR actor = %(person)s)
      AND (%(since)s::timestamptz IS NULL OR opened_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR opened_at < %(until)s)
      AND (%(outcome)s::text IS NULL OR coalesce(outcome, 'open') = %(outcome)s)
    UNION ALL
    SELECT release_id, refused_at FROM refused_request
    WHERE (%(service)s::text IS NULL
           OR EXISTS (SELECT FROM sought
                      WHERE jsonb_exists(coalesce(request -> 'services', jsonb_build_array(key)), key)))
      -- A refused request is of no product: the policy that it names may not exist.
      AND %(product)s::text IS NULL
      AND (%(person)s::text IS NULL OR actor = %(person)s)
      AND (%(since)s::timestamptz IS NULL OR refused_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR refused_at < %(until)s)
      AND coalesce(%(outcome)s::text, 'refused') = 'refused'
      AND NOT EXISTS (SELECT FROM release WHERE release.run_id = refused_request.run_id)
), page AS (
    SELECT release_id FROM found ORDER BY opened_at DESC, release_id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM found), page.release_id, coalesce(opened.version, refused.version),
       coalesce(opened.run_id, refused.run_id), coalesce(opened.actor, refused.actor),
       coalesce(opened.policy #>> '{environments,production,location}', refused.request ->> 'region'),
       CASE WHEN opened.release_id IS NULL THEN 'refused' ELSE opened.outcome END,
       coalesce(opened.reason, (SELECT string_agg(regexp_replace(value, '\s+', ' ', 'g'), '; ')
                                FROM jsonb_each_text(refused.reasons))),
       coalesce(opened.opened_at, refused.refused_at) AS began_at, coalesce(opened.closed_at, refused.refused_at),
       ARRAY(SELECT jsonb_object_keys(opened.stable) ORDER BY 1), opened.plan ->> 'policy_name',
       (SELECT jsonb_object_agg(payload ->> 'phase', payload ->> 'verdict') FROM ledger_entry
        WHERE ledger_entry.release_id = opened.release_id AND key = ANY(%(gates)s))
FROM (SELECT 1) AS always
LEFT JOIN page ON true
LEFT JOIN release AS opened ON opened.release_id = page.release_id
LEFT JOIN refused_request AS refused
       ON refused.release_id = page.release_id AND opened.release_id IS NULL
ORDER BY began_at DESC, page.release_id
