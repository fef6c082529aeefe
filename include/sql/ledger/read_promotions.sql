SELECT version, closed_at FROM release
 WHERE outcome = 'promoted' AND plan->>'policy_name' = %(policy_name)s
 ORDER BY closed_at
