SELECT key::text FROM (SELECT {{ key }} AS key FROM {{ table }} WHERE {{ key }} >= %(start)s ORDER BY {{ key }} LIMIT %(rows)s) AS found
 ORDER BY found.key DESC LIMIT 1
