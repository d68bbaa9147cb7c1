/**
 * Timers of programs in a world against Node's own: the same program runs in plain Node, in real time, and in worlds, and
 * must tell the same: order, values, arguments, `this`, errors.
 */
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { MEETINGS, meet, SimFolder, writeProgram } from './sim-process.ts';

const folder = new SimFolder();

// What a program took for itself before anybody could replace it, and what it asks for anew each time.
const IMPORTS = [
  '{ setTimeout: takenTimeout, setInterval: takenInterval, setImmediate: takenImmediate, clearTimeout: takenClear } = node:timers',
  '{ setTimeout: sleep, setInterval: ticks, setImmediate: immediately, scheduler } = node:timers/promises',
  '{ promisify } = node:util',
  '{ AsyncLocalStorage, executionAsyncId } = node:async_hooks',
];

const BODY = `async (log) => {
  const failed = (what, fn) => {
    try { fn(); log(what, 'no error'); } catch (error) { log(what, error.name, error.code, error.message); }
  };
  const rejected = async (what, promise) => {
    try { log(what, 'no error', await promise); } catch (error) {
      log(what, error.name, error.code, error.message, String(error.cause), error.constructor.name);
    }
  };
  const timeout = globalThis.setTimeout;
  const hold = timeout(() => {}, 20_000);
  // Order, arguments, this.
  const t = timeout(function (...args) { log('args', ...args, this === t, this.constructor.name); }, 5, 1, 'two', null);
  log(t.constructor.name, t.hasRef(), typeof t[Symbol.toPrimitive](), typeof t.refresh, t instanceof takenTimeout(() => {}, 1).constructor);
  timeout(() => log('20'), 20);
  takenTimeout(() => log('10'), 10);
  timeout(() => { log('15'); process.nextTick(() => log('tick')); Promise.resolve().then(() => log('micro')); }, 15);
  timeout(() => log('15 again'), 15);
  const gone = timeout(() => log('never'), 2);
  clearTimeout(gone);
  const byNumber = +takenTimeout(() => log('never'), 2);
  clearTimeout(byNumber);
  takenClear(String(+timeout(() => log('never'), 2)));
  clearTimeout(undefined); clearTimeout(null); clearTimeout({}); clearTimeout(987654321); clearInterval('x');
  const victim = timeout(() => log('never'), 12);
  timeout(() => { clearTimeout(victim); log('cleared one that is due'); }, 12 - 1);
  await sleep(40);
  // Nested, zero and odd delays: all of them one millisecond.
  const order = [];
  const warned = new Set();
  const onWarning = ({ name }) => warned.add(name);
  process.on('warning', onWarning);
  for (const ms of [0, -5, NaN, 'x', '1', undefined, null, 1.9, Infinity, 2 ** 31, {}]) timeout(() => order.push(String(ms)), ms);
  await sleep(10);
  process.off('warning', onWarning);
  log('odd', order.join(), [...warned].sort().join());
  await new Promise((done) => timeout(() => timeout(() => timeout(done, 0), 0), 0));
  // An interval that clears itself; one that is cleared and begun anew by nobody.
  let n = 0;
  await new Promise((done) => {
    const interval = setInterval(function (x) {
      log('interval', ++n, x, this === interval);
      if (n === 3) { clearInterval(interval); timeout(done, 5); }
    }, 2, 'x');
  });
  // refresh: later than it was, again after it has run, and not after it was cleared.
  const log2 = [];
  const again = timeout(() => log2.push('again'), 6);
  timeout(() => log(again.refresh() === again), 3);
  timeout(() => log2.push('7'), 7);
  await sleep(20);
  again.refresh();
  await sleep(15);
  clearTimeout(again);
  again.refresh();
  await sleep(15);
  log('refresh', log2.join());
  // By its own callback: begins anew, once.
  let times = 0;
  const own = timeout(() => { if (++times < 3) own.refresh(); }, 2);
  await sleep(20);
  log('own refresh', times, own.hasRef());
  // Two that are due together, one of which refreshes the other.
  const due = [];
  const second = timeout(() => { due.push('second'); }, 4);
  const first = timeout(() => { due.push('first'); }, 4);
  await new Promise((done) => { const before = timeout(() => { due.push('a'); first.refresh(); done(); }, 4); });
  await sleep(15);
  log('due', due.join());
  // ref, unref, close, dispose.
  const weak = timeout(() => log('weak'), 3).unref();
  log(weak.hasRef(), weak.ref() === weak, weak.hasRef(), weak.unref().hasRef());
  const closed = timeout(() => log('never'), 3);
  log(closed.close() === closed, closed._destroyed);
  if (Symbol.dispose) timeout(() => log('never'), 3)[Symbol.dispose]?.();
  await sleep(10);
  // Errors.
  failed('no function', () => timeout('x', 5));
  failed('no function', () => setInterval());
  failed('no function', () => setImmediate(null));
  failed('no function', () => queueMicrotask(1));
  // Immediates, and what runs around them.
  await new Promise((done) => {
    setImmediate(function (...args) { log('immediate', ...args, this.constructor.name); process.nextTick(() => log('tick of 1')); }, 1, 2);
    takenImmediate(() => { log('immediate 2'); setImmediate(() => { log('nested'); done(); }); });
    const stopped = setImmediate(() => log('never'));
    clearImmediate(stopped);
    const stoppedByOther = setImmediate(() => log('never'));
    takenImmediate(() => log('immediate 3'));
    process.nextTick(() => log('tick')); Promise.resolve().then(() => log('micro'));
    clearImmediate(stoppedByOther);
  });
  // timers/promises.
  log('promise', await sleep(2, 'value'), await immediately('now'), await promisify(timeout)(2, 'custom'), await promisify(setImmediate)('im'));
  log(await scheduler.wait(2), await scheduler.yield());
  await rejected('aborted', sleep(50, 0, { signal: AbortSignal.abort('why') }));
  const controller = new AbortController();
  timeout(() => controller.abort(), 3);
  await rejected('abort', sleep(500, 0, { signal: controller.signal }));
  await rejected('bad delay', sleep('x'));
  await rejected('bad signal', sleep(1, 0, { signal: 1 }));
  await rejected('bad ref', immediately(0, { ref: 1 }));
  await rejected('scheduler', scheduler.wait(5, { signal: AbortSignal.abort() }));
  let seen = 0;
  for await (const value of ticks(2, 'tick')) { log(value); if (++seen === 3) break; }
  const stop = new AbortController();
  timeout(() => stop.abort(), 15);
  await rejected('ticks', (async () => { let k = 0; for await (const _ of ticks(10, 0, { signal: stop.signal })) log('k', ++k); })());
  // AbortSignal.timeout
  const signal = AbortSignal.timeout(4);
  log(signal.aborted);
  await new Promise((done) => signal.addEventListener('abort', () => { log(signal.reason.name, signal.reason.code, signal.reason.message); done(); }));
  failed('timeout', () => AbortSignal.timeout(-1));
  await rejected('any', sleep(500, 0, { signal: AbortSignal.any([AbortSignal.timeout(5), AbortSignal.timeout(300)]) }));
  // The async context comes along.
  const store = new AsyncLocalStorage();
  await store.run('context', () => new Promise((done) => timeout(() => { log(store.getStore(), executionAsyncId() > 0); done(); }, 1)));
  await store.run('im', () => new Promise((done) => setImmediate(() => { log(store.getStore()); done(); })));
  clearTimeout(hold);
  return 'end';
}`;
writeProgram(folder, 'order', IMPORTS, BODY);

const TOLD = `
  const lines = [];
  const log = (...words) => lines.push(words.map(String).join(' '));`;
const PLAIN = `${TOLD} lines.push(await program(log)); console.log(JSON.stringify(lines));`;
const WORLD = `${TOLD}
  lines.push(await sim.simulate({ seed: 1 }, (world) => world.host('a').run(() => program(log))));
  console.log(JSON.stringify(lines));`;
const QUIET = ['--no-warnings'];

for (const meeting of MEETINGS) {
  test(`timers: ${meeting.kind}, loaded ${meeting.when} sockscape, tells what plain Node tells`, () => {
    const world = folder.result<string[]>(meet('order', meeting, WORLD), QUIET);
    // Plain Node is in real time: a machine that is busy may be milliseconds late, and then an interval drifts.
    for (let left = 3; ; left--) {
      const plain = folder.result<string[]>(`import program from './order.${meeting.kind}';${PLAIN}`, QUIET);
      if (left === 1 || isDeepStrictEqual(world, plain)) return deepEqual(world, plain);
    }
  });
}
