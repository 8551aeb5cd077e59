// graphile-worker on PostgreSQL.

import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { postgresSettings } from "./postgres.mjs";
import { chunks } from "./trial.mjs";

const best = {
  concurrentJobs: 500,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

// Errors are told, and nothing else.
const logger = new Logger(() => (level, message) => {
  if (level === "error") console.error(message);
});

export async function open(url, defaults) {
  const pool = new pg.Pool({ connectionString: url, max: 20 });
  pool.on("error", (err) => console.error(err));
  pool.on("connect", (client) => client.on("error", (err) => console.error(err)));
  const options = { pgPool: pool, logger, preset: { worker: defaults ? {} : best } };
  const utils = await makeWorkerUtils(options);
  await utils.migrate();
  return {
    add: (args) => utils.addJob("bench", args),
    async addBulk(list) {
      for (const batch of chunks(list, 1000)) {
        await utils.addJobs(batch.map((payload) => ({ identifier: "bench", payload })));
      }
    },
    async left() {
      const { rows } = await pool.query("SELECT count(*)::int AS n FROM graphile_worker._private_jobs");
      return rows[0].n;
    },
    async work(handle) {
      const runner = await run({ ...options, noHandleSignals: true, taskList: { bench: (args) => handle(args) } });
      return () => runner.stop();
    },
    settings: () => postgresSettings(pool),
    async close() {
      await utils.release();
      await pool.end();
    },
  };
}
