-- Two runs that apply the same migration at once record it twice, with the same checksum.
SELECT DISTINCT name, toString(checksum) FROM schema_migration ORDER BY name
