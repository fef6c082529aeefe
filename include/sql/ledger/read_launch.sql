-- The release that the business targets are dated from: the product's first promoted one, of a version when one is given.
SELECT release_id FROM release
WHERE outcome = 'promoted' AND plan->>'policy_name' = %(policy_name)s
  AND (%(version)s::text IS NULL OR version = %(version)s)
ORDER BY closed_at LIMIT 1
