INSERT INTO slipway_migration (name, kind, runs_with, checksum)
VALUES (%(name)s, %(kind)s, %(runs_with)s, %(checksum)s)
ON CONFLICT (name) DO NOTHING
