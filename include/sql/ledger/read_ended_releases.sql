-- The newest release of each product in each region, where it has ended.
SELECT release_id
FROM (
    SELECT DISTINCT ON (policy ->> 'name', policy #>> '{environments,production,location}') release_id, outcome
    FROM release
    ORDER BY policy ->> 'name', policy #>> '{environments,production,location}', opened_at DESC, release_id
) AS newest
WHERE outcome IS NOT NULL
ORDER BY release_id
