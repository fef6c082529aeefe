DROP TABLE operation;
ALTER TABLE lease DROP COLUMN until;
