-- Every server that answers: its disk with the smallest free share, and how far its replicated tables are behind.
SELECT
    disks.server AS server,
    disks.free_bytes AS free_bytes,
    disks.total_bytes AS total_bytes,
    ifNull(replicas.lag_seconds, 0) AS lag_seconds,
    ifNull(replicas.read_only, 0) AS read_only
FROM
(
    SELECT
        hostName() AS server,
        argMin(free_space, free_space / total_space) AS free_bytes,
        argMin(total_space, free_space / total_space) AS total_bytes
    FROM {{ every_server('system.disks') }}
    WHERE total_space > 0
    GROUP BY server
) AS disks
LEFT JOIN
(
    SELECT hostName() AS server, max(absolute_delay) AS lag_seconds, countIf(is_readonly) AS read_only
    FROM {{ every_server('system.replicas') }}
    GROUP BY server
) AS replicas ON replicas.server = disks.server
ORDER BY server
