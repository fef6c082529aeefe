-- The servers that a cluster has, in the order of its shards.
SELECT host_name FROM system.clusters WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num
