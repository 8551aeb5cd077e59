// BullMQ on Redis.

import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { chunks, want } from "./trial.mjs";

export async function open(url) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue("bench", {
    connection,
    defaultJobOptions: { removeOnComplete: true }, // what others do with the completed, or cheaper
  });
  queue.on("error", (err) => console.error(err));
  await queue.waitUntilReady();
  return {
    add: (args) => queue.add("bench", args),
    async addBulk(list) {
      for (const batch of chunks(list, 1000)) {
        await queue.addBulk(batch.map((data) => ({ name: "bench", data })));
      }
    },
    async left() {
      const counts = await queue.getJobCounts();
      return Object.values(counts).reduce((sum, n) => sum + n, 0);
    },
    async work(handle) {
      const worker = new Worker("bench", async (job) => handle(job.data), { connection, concurrency: 200 });
      worker.on("error", (err) => console.error(err));
      await worker.waitUntilReady();
      return () => worker.close();
    },
    async settings() {
      const settings = {};
      for (const name of ["appendonly", "appendfsync", "maxmemory-policy"]) {
        settings[name] = (await connection.config("GET", name))[1];
      }
      settings.version = (await connection.info("server")).match(/redis_version:(\S+)/)[1];
      return want(settings, { appendonly: "yes", "maxmemory-policy": "noeviction" });
    },
    async close() {
      await queue.close();
      await connection.quit();
    },
  };
}
