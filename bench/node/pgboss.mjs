// pg-boss on PostgreSQL.

import pg from "pg";
import PgBoss from "pg-boss";
import { postgresSettings } from "./postgres.mjs";
import { chunks } from "./trial.mjs";

const queue = "bench";

export async function open(url) {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const boss = new PgBoss({ connectionString: url, max: 20, schedule: false });
  boss.on("error", (err) => console.error(err));
  await boss.start();
  await boss.createQueue(queue);
  return {
    add: (args) => boss.send(queue, args),
    async addBulk(list) {
      for (const batch of chunks(list, 1000)) {
        await boss.insert(batch.map((data) => ({ name: queue, data })));
      }
    },
    async left() {
      const { rows } = await pool.query("SELECT count(*)::int AS n FROM pgboss.job WHERE name = $1 AND state <> 'completed'", [queue]);
      return rows[0].n;
    },
    async work(handle) {
      const workers = [];
      for (let i = 0; i < 4; i++) {
        workers.push(
          await boss.work(queue, { batchSize: 2000, pollingIntervalSeconds: 0.5 }, async (jobs) => {
            for (const job of jobs) handle(job.data);
          }),
        );
      }
      return () => Promise.all(workers.map((id) => boss.offWork({ id })));
    },
    settings: () => postgresSettings(pool),
    async close() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
}
