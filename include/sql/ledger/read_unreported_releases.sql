-- Every release that has ended and whose report of that end is not on record, the oldest end first: a promoted
-- release that was rolled back later has two ends.
SELECT release_id
FROM release
WHERE outcome IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM ledger_entry
      WHERE ledger_entry.release_id = release.release_id
        AND key = CASE WHEN EXISTS (
            SELECT FROM ledger_entry AS later
            WHERE later.release_id = release.release_id AND later.key = %(rolled_back_later)s
        ) THEN %(second)s ELSE %(first)s END
  )
ORDER BY closed_at, release_id
