INSERT INTO lease (service, release_id) VALUES (%(service)s, %(release_id)s)
ON CONFLICT (service) DO NOTHING
