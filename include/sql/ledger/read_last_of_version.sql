SELECT release_id FROM release
 WHERE closed_at IS NOT NULL AND version = %(version)s AND plan->>'policy_name' = %(policy_name)s
   AND policy #>> '{environments,production,location}' = %(region)s
 ORDER BY closed_at DESC LIMIT 1
