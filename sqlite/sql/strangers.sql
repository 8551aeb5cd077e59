SELECT name FROM sqlite_schema
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND 4 >
  (SELECT count(*) FROM pragma_table_info('migration') WHERE name IN ('number', 'name', 'checksum', 'applied'))
ORDER BY name LIMIT 4
