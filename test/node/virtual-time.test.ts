/**
 * No leak of time or chance: everything in Node that tells the time, waits or draws follows the world of the program that
 * asks. Each program is run as CommonJS and as an ES module, loaded before and after sockscape.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { MEETINGS, meet, SimFolder, writeProgram } from './sim-process.ts';

const folder = new SimFolder();
const EPOCH_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

/** Runs `program(tell, world)` on a host of a world, and gives what it told. */
const RUN = `
  const told = {};
  const run = (seed) => sim.simulate({ seed }, async (world) => {
    const client = world.host('client'), server = world.host('server');
    world.cable(client, server, { delayUs: 1000 });
    const tell = (what, value) => { told[what] = value; };
    await program({ tell, world, client, server });
    told.escapes = [...new Set(world.escapes().map(({ name }) => name))];
  });`;
const ONCE = `${RUN} await run(1); console.log(JSON.stringify(told));`;

/** One test for each of the four ways in which a program meets sockscape. */
function everyWay(name: string, program: string, check: (told: Record<string, unknown>, takesEarly: boolean) => void, rest = ONCE): void {
  for (const meeting of MEETINGS) {
    test(`${name}: ${meeting.kind}, loaded ${meeting.when} sockscape`, () => {
      // `const { hrtime } = process` in a CommonJS module that was loaded before: no module can undo that (escapes.test.ts).
      const takesEarly = meeting.kind === 'cjs' && meeting.when === 'before';
      const told = folder.result<Record<string, unknown>>(meet(program, meeting, rest), ['--no-warnings']);
      // It is told of, and nothing else is.
      deepEqual(told['escapes'], takesEarly ? ['loaded early'] : []);
      check(told, takesEarly);
    });
  }
}

writeProgram(folder, 'clocks', [
  'timers = node:timers', 'promises = node:timers/promises', '{ promisify } = node:util', '{ performance: perf } = node:perf_hooks',
  'os = node:os', '{ hrtime, uptime } = node:process', '{ once } = node:events',
], `async ({ tell, world, client }) => {
  await world.sleep(500_250);
  await client.run(async () => {
    const HOUR = 3_600_000;
    const started = world.now;
    // Each way to tell the time, as milliseconds since the program began.
    const origin = { date: Date.now(), hr: process.hrtime(), big: process.hrtime.bigint(), taken: hrtime() };
    tell('start', {
      now: Date.now(), new: new Date().getTime(), text: Date() === new Date().toString(), perf: performance.now(), perf2: perf.now(),
      origin: performance.timeOrigin, json: performance.toJSON().timeOrigin, uptime: process.uptime(), os: os.uptime(),
      intl: new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', dateStyle: 'short' }).format(),
      parts: new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC' }).formatToParts().map(({ value }) => value).join(''),
    });
    const clocks = () => {
      const [s, ns] = process.hrtime(origin.hr);
      const [s2, ns2] = hrtime(origin.taken);
      return [
        Date.now() - origin.date, new Date() - origin.date, Reflect.construct(Date, []) - origin.date,
        new (class extends Date {})() - origin.date, performance.now(), perf.now(), process.uptime() * 1000, uptime() * 1000,
        s * 1000 + ns / 1e6, s2 * 1000 + ns2 / 1e6, Number(process.hrtime.bigint() - origin.big) / 1e6, new Event('x').timeStamp,
        performance.mark('m').startTime, performance.measure('w').duration, (world.now - started) / 1000,
        new File([], 'x').lastModified - origin.date, new PerformanceMark('p').startTime, Object.getPrototypeOf(performance).now.call(performance),
        performance.nodeTiming.duration, performance.nodeTiming.idleTime, performance.eventLoopUtilization().idle,
      ].map((ms) => Math.round(ms * 1000) / 1000);
    };
    // Each way to wait, an hour long.
    const ways = {
      setTimeout: () => new Promise((done) => setTimeout(done, HOUR)),
      'timers.setTimeout': () => new Promise((done) => timers.setTimeout(done, HOUR)),
      promisify: () => promisify(setTimeout)(HOUR),
      'timers/promises': () => promises.setTimeout(HOUR),
      'scheduler.wait': () => promises.scheduler.wait(HOUR),
      setInterval: () => new Promise((done) => { let n = 0; const t = setInterval(() => { if (++n === 60) { clearInterval(t); done(); } }, HOUR / 60); }),
      'promises.setInterval': async () => { let n = 0; for await (const _ of promises.setInterval(HOUR / 4)) if (++n === 4) break; },
      'AbortSignal.timeout': async () => { const hold = setTimeout(() => {}, 2 * HOUR); await once(AbortSignal.timeout(HOUR), 'abort'); clearTimeout(hold); },
    };
    const waited = {};
    for (const [name, wait] of Object.entries(ways)) {
      const before = clocks();
      await wait();
      waited[name] = clocks().map((ms, i) => Math.round((ms - before[i]) * 1000) / 1000);
    }
    tell('waited', waited);
    const before = performance.eventLoopUtilization();
    await promises.setTimeout(5);
    tell('loop', [performance.eventLoopUtilization(before), performance.nodeTiming.loopExit, Object.keys(performance.toJSON().nodeTiming).length > 5]);
    tell('stamps', [
      new File([], 'x', { lastModified: 7 }).lastModified, new File([], 'x', { type: 'a/b' }).type, new File([], 'x') instanceof File,
      new PerformanceMark('p', { startTime: 3, detail: 4 }).startTime, new PerformanceMark('p', { detail: 4 }).detail,
    ]);
    // A date that is given stays what it is.
    tell('given', [new Date(5).getTime(), Date.UTC(2000, 0), Date.parse('2001-01-01'), new Date(2020, 1, 2).getFullYear(),
      new Date(new Date(7)).getTime(), new Date() instanceof Date, new Date().constructor === Date, Date.name, Date.length,
      Object.prototype.toString.call(new Date()), structuredClone(new Date()).getTime() === Date.now()]);
    try { process.hrtime('x'); } catch (error) { tell('error', error.code); }
  });
}`);

everyWay('clocks and waits', 'clocks', (told, takesEarly) => {
  const started = EPOCH_MS + 500;
  deepEqual(told['start'], {
    now: started, new: started, text: true, perf: 0, perf2: 0, origin: started + 0.25, json: started + 0.25, uptime: 0, os: 0.50025,
    intl: '01/01/2026', parts: '01/01/2026',
  });
  const waited = told['waited'] as Record<string, number[]>;
  equal(Object.keys(waited).length, 8);
  for (const [name, clocks] of Object.entries(waited)) {
    equal(clocks.length, 21);
    const followed = takesEarly ? clocks.filter((_, i) => i !== 7 && i !== 9) : clocks;
    for (const ms of followed) equal(ms, HOUR_MS, `${name}: ${clocks.join()}`);
  }
  deepEqual(told['loop'], [{ idle: 5, active: 0, utilization: 0 }, -1, true]);
  deepEqual(told['stamps'], [7, 'a/b', true, 3, 4]);
  deepEqual(told['given'], [
    5, Date.UTC(2000, 0), Date.parse('2001-01-01'), 2020, 7, true, true, 'Date', 7, '[object Date]', true,
  ]);
  equal(told['error'], 'ERR_INVALID_ARG_TYPE');
});

writeProgram(folder, 'chance', ['crypto = node:crypto', '{ randomBytes, randomInt, webcrypto, randomUUID } = node:crypto', '{ promisify } = node:util'],
  `async ({ tell, client }) => {
  await client.run(async () => {
    const hex = (view) => Buffer.from(view.buffer ?? view).toString('hex');
    const later = (fn, ...args) => new Promise((done) => fn(...args, (error, value) => done(String(error ?? hex(value)))));
    const error = (fn) => { try { fn(); return 'none'; } catch (thrown) { return typeof thrown.code === 'string' ? thrown.code : thrown.name; } };
    tell('drawn', {
      random: [Math.random(), Math.random()],
      randomBytes: crypto.randomBytes(8).toString('hex'),
      randomBytesLater: await later(crypto.randomBytes, 8),
      promisified: (await promisify(crypto.randomBytes)(8)).toString('hex'),
      randomFillSync: [hex(crypto.randomFillSync(new Uint8Array(8))), hex(crypto.randomFillSync(new Uint16Array(4), 2)), hex(crypto.randomFillSync(new ArrayBuffer(8), 2, 3))],
      randomFill: [await later(crypto.randomFill, new Uint8Array(8)), await later(crypto.randomFill, new Uint32Array(2), 1), await later(crypto.randomFill, new Uint8Array(8), 2, 3)],
      randomInt: [crypto.randomInt(1000000), crypto.randomInt(-5, 1e12), await new Promise((done) => crypto.randomInt(1e9, (_, n) => done(n))), await new Promise((done) => crypto.randomInt(5, 1e9, (_, n) => done(n)))],
      randomUUID: [crypto.randomUUID(), crypto.randomUUID({ disableEntropyCache: true })],
      web: [hex(globalThis.crypto.getRandomValues(new Uint8Array(8))), hex(crypto.webcrypto.getRandomValues(new Int32Array(2))), globalThis.crypto.randomUUID()],
      getRandomValues: typeof crypto.getRandomValues === 'function' ? hex(crypto.getRandomValues(new Uint8Array(8))) : '',
    });
    tell('taken', { randomBytes: randomBytes(8).toString('hex'), randomInt: randomInt(1e9), web: webcrypto.randomUUID(), uuid: randomUUID() });
    tell('errors', [
      error(() => crypto.randomBytes(-1)), error(() => crypto.randomBytes('x')), error(() => crypto.randomInt(5, 5)), error(() => crypto.randomInt(1.5)),
      error(() => crypto.randomFillSync([])), error(() => crypto.randomFill(new Uint8Array(2))), error(() => crypto.randomUUID(1)),
      error(() => globalThis.crypto.getRandomValues(new Float32Array(1))), error(() => crypto.randomFillSync(new Uint8Array(2), 3)),
    ]);
  });
}`);

const TWICE = `${RUN}
  const all = [];
  for (const seed of [1, 1, 2]) { await run(seed); all.push(structuredClone(told)); }
  console.log(JSON.stringify({ all, escapes: told.escapes }));`;

everyWay('chance follows the seed', 'chance', (told, takesEarly) => {
  const [first, again, other] = told['all'] as Record<string, Record<string, unknown>>[];
  deepEqual(first?.['drawn'], again?.['drawn']);
  if (!takesEarly) deepEqual(first?.['taken'], again?.['taken']);
  for (const [name, value] of Object.entries(first?.['drawn'] ?? {})) {
    if (value !== '') ok(JSON.stringify(value) !== JSON.stringify(other?.['drawn']?.[name]), name);
  }
  const { randomUUID, randomInt, random, randomFillSync } = (first?.['drawn'] ?? {}) as Record<string, never[]>;
  for (const uuid of randomUUID as unknown as string[]) ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid);
  ok((randomInt as unknown as number[]).every(Number.isSafeInteger));
  ok((random as unknown as number[]).every((x) => x >= 0 && x < 1));
  // What was not to be filled is still zero.
  ok(/^0{8}[0-9a-f]{8}$/.test(randomFillSync?.[1] as unknown as string) && /^0000[0-9a-f]{6}0{6}$/.test(randomFillSync?.[2] as unknown as string));
  deepEqual(first?.['errors'], [
    'ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_TYPE', 'TypeMismatchError', 'ERR_OUT_OF_RANGE',
  ]);
}, TWICE);
