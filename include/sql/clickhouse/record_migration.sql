INSERT INTO schema_migration (name, checksum) SELECT {name:String}, {checksum:String}
