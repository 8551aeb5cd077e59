// Measures one engine once: reads a job from the standard input and writes the
// result to the standard output, both as JSON. The Go program starts it.

import { readFileSync } from "node:fs";
import { run } from "./trial.mjs";

const engines = {
  BullMQ: { package: "bullmq", file: "./bullmq.mjs" },
  "graphile-worker": { package: "graphile-worker", file: "./graphile.mjs" },
  "graphile-worker, defaults": { package: "graphile-worker", file: "./graphile.mjs", defaults: true },
  "pg-boss": { package: "pg-boss", file: "./pgboss.mjs" },
};

const job = JSON.parse(readFileSync(0, "utf8"));
const engine = engines[job.engine];
if (!engine) throw new Error(`no engine ${JSON.stringify(job.engine)} for Node; want one of ${Object.keys(engines).join("; ")}`);

const { open } = await import(engine.file);
const queue = await open(job.url, engine.defaults ?? false);
const result = await run(queue, job);
await queue.close();
const { version } = JSON.parse(readFileSync(new URL(`node_modules/${engine.package}/package.json`, import.meta.url), "utf8"));
console.log(JSON.stringify({ ...result, version: `v${version}` }));
process.exit(0); // whatever an engine left running
