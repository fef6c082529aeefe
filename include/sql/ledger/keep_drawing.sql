INSERT INTO drawing (release_id, phase, round, svg) VALUES (%(release_id)s, %(phase)s, %(round)s, %(svg)s)
ON CONFLICT (release_id, phase, round) DO NOTHING
