INSERT INTO slipway_database (product, environment) VALUES (%(product)s, %(environment)s) ON CONFLICT DO NOTHING
