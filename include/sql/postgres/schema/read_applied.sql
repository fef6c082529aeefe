SELECT applied.migration_id, declared.checksum, declared.runs_with
  FROM _yoyo_migration AS applied
  LEFT JOIN slipway_migration AS declared ON declared.name = applied.migration_id
 ORDER BY applied.migration_id
