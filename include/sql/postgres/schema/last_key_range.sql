SELECT (array_agg(key::text ORDER BY key))[1], (array_agg(key::text ORDER BY key DESC))[1]
  FROM (SELECT {{ key }} AS key FROM {{ table }} ORDER BY {{ key }} DESC LIMIT %(rows)s) AS found
