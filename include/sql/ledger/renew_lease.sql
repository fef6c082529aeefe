UPDATE lease SET until = greatest(until, %(until)s)
WHERE service = %(service)s AND release_id = %(release_id)s
