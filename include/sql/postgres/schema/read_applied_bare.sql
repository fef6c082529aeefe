SELECT migration_id, NULL, NULL FROM _yoyo_migration ORDER BY migration_id
