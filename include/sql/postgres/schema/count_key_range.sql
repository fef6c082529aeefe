SELECT count(*) FROM {{ table }} WHERE {{ key }} BETWEEN %(start)s AND %(end)s
