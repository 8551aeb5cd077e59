// What the engines on PostgreSQL share.

import { want } from "./trial.mjs";

// postgresSettings reads back what decides about durability, and throws unless a
// commit waits for the disk.
export async function postgresSettings(pool) {
  const { rows } = await pool.query(`SELECT name, setting FROM pg_settings
    WHERE name IN ('server_version', 'synchronous_commit', 'fsync', 'full_page_writes', 'wal_level', 'shared_buffers', 'max_wal_size')`);
  const settings = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
  return want(settings, { synchronous_commit: "on", fsync: "on", full_page_writes: "on" });
}
