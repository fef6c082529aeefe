SELECT key::text, number FROM (
    SELECT {{ key }} AS key, row_number() OVER (ORDER BY {{ key }}) AS number
      FROM {{ table }} WHERE {{ key }} <= %(last)s ORDER BY {{ key }} LIMIT %(rows)s
) AS batch ORDER BY number DESC LIMIT 1
