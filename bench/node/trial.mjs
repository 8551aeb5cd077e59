// The measures of the Go package trial, for engines that are written for Node. A
// queue has add(args), addBulk(list), left(), work(handle), which returns what
// stops the workers, settings() and close().

import { performance } from "node:perf_hooks";

const texts = Array.from({ length: 64 }, words);

// words returns 1,000 letters and spaces: one letter would flatter an engine
// that compresses.
function words() {
  let text = "";
  while (text.length < 1000) {
    const length = 2 + Math.floor(Math.random() * 8);
    for (let i = 0; i < length; i++) text += String.fromCharCode(97 + Math.floor(Math.random() * 26));
    text += " ";
  }
  return text.slice(0, 1000);
}

// args returns the arguments of task n: 1 KiB of JSON.
const args = (n) => ({ n, text: texts[n % texts.length] });

// run measures a queue as the job says. It fails unless the store shows that the
// engine did all that was measured.
export async function run(queue, job) {
  const result = { engine: job.engine, settings: { ...(await queue.settings()), node: process.version } };
  if (job.callers) {
    result[`add${job.callers}`] = await adds(queue, job.callers, job.seconds);
  } else if (job.tasks) {
    result.bulk = await bulk(queue, job.tasks);
    result.drain = await drain(queue, job.tasks);
  } else if (job.starts) {
    Object.assign(result, await starts(queue, job.starts));
  } else {
    throw new Error(`no such measure for Node: ${JSON.stringify(job)}`);
  }
  return result;
}

// rate is n a second.
const rate = (n, since) => n / ((performance.now() - since) / 1000);

// adds lets callers add tasks one at a time for a while.
async function adds(queue, callers, seconds) {
  let added = 0;
  const begun = performance.now();
  const caller = async () => {
    while (performance.now() - begun < seconds * 1000) await queue.add(args(added++));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const perSecond = rate(added, begun);
  await expectLeft(queue, added, `${callers} callers`);
  return perSecond;
}

// bulk adds n tasks in batches, and leaves them waiting.
async function bulk(queue, n) {
  const list = Array.from({ length: n }, (_, i) => args(i));
  const begun = performance.now();
  await queue.addBulk(list);
  const perSecond = rate(n, begun);
  await expectLeft(queue, n, "bulk");
  return perSecond;
}

async function expectLeft(queue, n, who) {
  const left = await queue.left();
  if (left !== n) throw new Error(`${who}: added ${n} tasks, and the store has ${left}`);
}

// drain works off the n tasks that wait. The clock stops when the store shows the
// completion of the last one.
async function drain(queue, n) {
  const calls = new Uint32Array(n);
  let left = n;
  let done;
  const handled = new Promise((resolve) => (done = resolve));
  const begun = performance.now();
  const stop = await queue.work((task) => {
    if (++calls[task.n] === 1 && --left === 0) done();
  });
  await handled;
  while ((await queue.left()) > 0) await sleep(1);
  const perSecond = rate(n, begun);
  await stop();
  const wrong = calls.findIndex((c) => c !== 1);
  if (wrong >= 0) throw new Error(`drain ${n} tasks: task ${wrong} was handled ${calls[wrong]} times, want 1`);
  return perSecond;
}

const warmUp = 50; // tasks that go first, uncounted; with few to time it is as many again

// starts adds tasks to an idle queue one by one, and times from the call to the
// handler's start, in milliseconds.
async function starts(queue, n) {
  let started;
  const stop = await queue.work(() => started(performance.now()));
  const took = [];
  const warm = Math.min(warmUp, n);
  for (let i = 0; i < warm + n; i++) {
    // A pause of its own each time, so that no poll falls in step with the adds.
    await sleep(2 + Math.random() * 8);
    const start = new Promise((resolve) => (started = resolve));
    const begun = performance.now();
    await queue.add(args(i));
    const at = await start;
    if (i >= warm) took.push(at - begun);
  }
  await stop();
  took.sort((a, b) => a - b);
  return { start50: percentile(took, 50), start99: percentile(took, 99) };
}

// percentile returns the smallest of the sorted values that p percent do not exceed.
const percentile = (sorted, p) => sorted[Math.max(0, Math.ceil((sorted.length * p) / 100) - 1)];

// chunks cuts a list into parts of at most size.
export function* chunks(list, size) {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size);
}

// want throws if a setting is not as it must be.
export function want(settings, wanted) {
  for (const [name, value] of Object.entries(wanted)) {
    if (settings[name] !== value) throw new Error(`${name} is ${settings[name]}; want ${value}`);
  }
  return settings;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
