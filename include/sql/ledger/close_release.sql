-- How a release ended stays, but for a promoted one whose traffic was given back later.
UPDATE release SET outcome = %(outcome)s, reason = %(reason)s, closed_at = clock_timestamp()
WHERE release_id = %(release_id)s
  AND (outcome IS NULL
       OR (outcome = 'promoted' AND outcome <> %(outcome)s AND EXISTS
           (SELECT FROM ledger_entry
            WHERE ledger_entry.release_id = release.release_id AND key = %(restored)s)))
