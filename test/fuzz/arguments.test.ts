/**
 * Arguments that no C program can have, at every call of a process: BigInts, Symbols, numbers without measure, getters and
 * Proxies that throw, buffers that are gone, iterators without end. The rule (api/posix/signatures.ts): a call never throws; it
 * ends with a result, an errno, or a TypeError or RangeError that names the call; and then nothing has changed.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { SIGNATURES } from '../../src/api/posix/signatures.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { isFull, recordResult, seed } from '../results.ts';
import { Draw } from '../tools/packet-bytes.ts';

const CALLS = isFull ? 400_000 : 12_000;
const CALLS_PER_PROCESS = 60;

const thrower = (): never => {
  throw new RangeError('from the caller');
};

class Strange extends Uint8Array {
  override get length(): number {
    return thrower();
  }
  override get buffer(): ArrayBuffer {
    return thrower();
  }
  override set(): never {
    return thrower();
  }
  override subarray(): never {
    return thrower();
  }
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function shrunk(): Uint8Array {
  const memory = new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void })(16, { maxByteLength: 32 });
  const bytes = new Uint8Array(memory, 4, 8);
  memory.resize(2);
  return bytes;
}

function* endless(): Generator<number> {
  for (;;) yield 1;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

const allThrow = new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower, getOwnPropertyDescriptor: thrower });
const throwing = (...fields: string[]): object => Object.defineProperties({}, Object.fromEntries(fields.map((field) => [field, { get: thrower, enumerable: true }])));

/** Made anew for each call: some of them are changed by it. */
const ODD: readonly (() => unknown)[] = [
  () => 5n, () => 2n ** 80n, () => Symbol('x'), () => Number.NaN, () => 1e300, () => -1e300, () => Infinity, () => -Infinity, () => 2 ** 53, () => -(2 ** 31), () => 0.5, () => -0,
  () => 'text', () => '', () => true, () => null, () => undefined, () => ({}), () => (): Promise<number> => Promise.resolve(7), () => revoked(), () => allThrow,
  () => ({ [Symbol.toPrimitive]: thrower, valueOf: thrower, toString: thrower }), () => Object.create(null), () => Object.create(Uint8Array.prototype),
  () => throwing('iov', 'fd', 'events', 'num', 'soft', 'valueUs', 'notify', 'handler', 'atimeUs', 'uid', 'env', 'name', 'constructor', 'maxMessages'),
  () => new Proxy(new Uint8Array(4), {}), () => new Proxy([new Uint8Array(4)], { get: thrower }), () => [allThrow], () => [Symbol('x')], () => [5n], () => [[5n, 1]], () => [null],
  () => [{ iov: [new Strange(4)] }], () => [{ iov: allThrow }], () => ({ iov: [detached()], control: shrunk() }), () => ({ iov: [], name: 5n }),
  () => detached(), () => shrunk(), () => new Uint8Array(new SharedArrayBuffer(8)), () => new Strange(8), () => Buffer.alloc(8), () => new DataView(new ArrayBuffer(8)),
  () => new Set([1, 2]), () => new Set(['a']), () => endless(), () => ({ [Symbol.iterator]: thrower }), () => new Array(2 ** 32 - 1),
  () => ({ handler: 5n }), () => ({ handler: () => {}, mask: endless() }), () => ({ soft: 5n, hard: 1 }), () => ({ valueUs: Symbol('x'), intervalUs: 1 }), () => ({ env: { A: Symbol('x') } }),
  () => ({ env: throwing('A') }), () => ({ duplicate: [[1, Symbol('x')]] }), () => ({ duplicate: [[1, 2, 3]] }), () => ({ name: 5n }),
  () => [Object.defineProperty({ fd: 0, events: 1 }, 'revents', { set: thrower })],
];

/** What ordinary programs give. */
const PLAIN: readonly (() => unknown)[] = [
  () => 0, () => 1, () => 2, () => 3, () => 4, () => 5, () => 10, () => 64, () => -1, () => '/tmp/a', () => '/', () => 'a', () => new Uint8Array(16), () => new Uint8Array(0),
  () => sockaddrIn('127.0.0.1', 7), () => null, () => [new Uint8Array(4), new Uint8Array(3)], () => [1, 2], () => [{ iov: [new Uint8Array(4)] }], () => ({ iov: [new Uint8Array(4)] }),
  () => [{ fd: 3, events: 1 }], () => [{ num: 0, op: 1, flg: 0 }], () => ({ valueUs: 1000, intervalUs: 0 }), () => ({ soft: 100, hard: 100 }), () => ({ notify: 1, signo: 10, value: 0 }),
  () => ({ handler: () => {}, flags: 0, mask: [] }), () => () => Promise.resolve(0), () => ['x'], () => ({ atimeUs: 1, mtimeUs: 1 }), () => ({}), () => ({ uid: 0, gid: 0, mode: 0o600, mostBytes: 100 }),
  () => ({ maxMessages: 2, messageSize: 8 }),
];

type AnyCall = (...args: unknown[]) => Promise<unknown>;
const NAMES = Object.keys(SIGNATURES) as (keyof typeof SIGNATURES)[];
const TAKES_ARGUMENTS = NAMES.filter((name) => SIGNATURES[name].length > 0);

/** The values that each argument takes: whoever is refused at the first argument never tells of the second. */
function fitting(name: keyof typeof SIGNATURES): (readonly (() => unknown)[])[] {
  return SIGNATURES[name].map((reader) => PLAIN.filter((make) => {
    try {
      reader(name, make());
      return true;
    } catch {
      return false;
    }
  }));
}
const FITTING = new Map(NAMES.map((name) => [name, fitting(name)]));

function judge(name: string, shown: string, error: unknown): string {
  const { code, errno, message } = error as SystemError;
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && errno < 0) return code;
  ok(error instanceof TypeError || error instanceof RangeError, `${shown}: ${(error as Error)?.stack ?? String(error)}`);
  ok(message.startsWith(`${name}: `), `${shown}: ${(error as Error).stack}`);
  return error.name;
}

test(`${CALLS} calls with arguments that C does not have, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
  const outcomes = new Map<string, number>();
  const refused = new Map<string, number>();
  await simulate({ seed }, async (world) => {
    const host = world.host('a');
    const draw = new Draw(new SeededRandom(`arguments ${seed}`));
    for (let round = 0; round * CALLS_PER_PROCESS < CALLS; round++) {
      const process = new Process(host, 'fuzz');
      const { core } = process;
      await process.socket(AF.INET, SOCK.STREAM, 0);
      await process.socket(AF.INET, SOCK.DGRAM, 0);
      await process.pipe();
      const waits: Promise<void>[] = [];
      for (let i = 0; i < CALLS_PER_PROCESS; i++) {
        const name = draw.pick(TAKES_ARGUMENTS);
        const picks = (FITTING.get(name) ?? []).map((those) => draw.pick(those));
        picks[draw.int(0, picks.length - 1)] = draw.pick(ODD);
        const args = picks.map((make) => make());
        const shown = `round ${round}: ${name}(${picks.map(String).join(', ')})`;
        const before = [[...core.descriptors.entries()].length, core.kernel.processes().length, core.credentials, core.waitingFor().length];
        let promise: Promise<unknown>;
        try {
          promise = (process[name] as AnyCall)(...args);
        } catch (error) {
          throw new Error(`${shown} throws`, { cause: error });
        }
        ok(promise instanceof Promise, shown);
        const after = [[...core.descriptors.entries()].length, core.kernel.processes().length, core.credentials, core.waitingFor().length];
        waits.push(promise.then(() => 'ok', (error: unknown) => judge(name, shown, error)).then((outcome) => {
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          if (!outcome.endsWith('Error')) return;
          refused.set(name, (refused.get(name) ?? 0) + 1);
          deepEqual(after, before, `${shown}: something has changed`);
        }));
      }
      await world.sleep(1000);
      process.exit();
      await Promise.all(waits);
      // What is left is no process's: objects of System V, files; the next round finds them.
    }
    await world.sleep(1e6);
  });
  t.diagnostic([...outcomes].sort().map(([key, count]) => `${key} ${count}`).join(', '));
  ok((outcomes.get('ok') ?? 0) > CALLS / 100 && (outcomes.get('TypeError') ?? 0) > CALLS / 10, [...outcomes].join(' '));
  equal(TAKES_ARGUMENTS.filter((name) => !refused.has(name)).join(), '', 'each call refuses something');
  recordResult('fuzzed-arguments', { calls: CALLS, outcomes: Object.fromEntries([...outcomes].sort()) });
});
