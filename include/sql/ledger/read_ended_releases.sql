-- Of each product in each region the release that ended last, where none is open: an earlier promotion that is
-- rolled back later ends after the releases that followed it, and says what serves.
SELECT release_id
FROM (
    SELECT DISTINCT ON (policy ->> 'name', policy #>> '{environments,production,location}') release_id, outcome
    FROM release
    ORDER BY policy ->> 'name', policy #>> '{environments,production,location}',
             closed_at DESC NULLS FIRST, release_id
) AS newest
WHERE outcome IS NOT NULL
ORDER BY release_id
