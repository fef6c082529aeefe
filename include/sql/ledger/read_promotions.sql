-- A version is out when its last region has it; a policy that names no regions has one.
SELECT version, closed_at FROM release
 WHERE outcome = 'promoted' AND plan->>'policy_name' = %(policy_name)s
   AND policy #>> '{environments,production,location}'
     = coalesce(policy #>> '{environments,production,regions,-1}', policy #>> '{environments,production,location}')
 ORDER BY closed_at
