-- Staging tables to drop: those of this run, and those a run left behind more than a day ago.
SELECT name
FROM system.tables
WHERE database = currentDatabase()
    AND startsWith(name, {prefix:String})
    AND (position(name, {run:String}) > 0 OR metadata_modification_time < now() - INTERVAL 1 DAY)
ORDER BY name
