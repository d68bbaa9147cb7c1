/** The functions of Node through which a program leaves its world: each says so (escapes.ts) and does what it always did. */
import { createRequire } from 'node:module';
import { NodeProgram } from '../../../api/node/node-program.ts';
import { isLoaded } from '../../../api/node/loaded-modules.ts';
import { binding } from '../../../api/node/bindings.ts';
import { isMachines } from '../../../api/node/in-place.ts';
import { virtualProgram } from './clocks.ts';
import { escapes } from './escapes.ts';

const require = createRequire(import.meta.url);
/** What is watched in this Node, as `Escape` tells it: a test draws each of them. */
export const doors: Set<string> = new Set();

type Method = (this: object, ...args: unknown[]) => unknown;

export function watchEscapes(): void {
  watchSockets();
  watchProcesses();
  watchContexts();
  watchMemory();
  watchClocks();
  watchKeys();
  watchFiles();
  watchWasi();
  watchBindings();
  watchFetch();
}

/** Calls of `holder[name]` are an escape. */
function door(holder: object, name: string, kind: string, what: string, isOne: (self: object, args: readonly unknown[]) => boolean = () => true): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  const machine = (holder as Record<string, Method | undefined>)[name];
  if (typeof machine !== 'function') return;
  doors.add(what);
  const value: Method = function (...args) {
    if (isOne(this, args)) escapes(kind, what);
    return machine.apply(this, args);
  };
  Object.defineProperties(value, Object.getOwnPropertyDescriptors(machine));
  Object.defineProperty(holder, name, { configurable: true, writable: true, enumerable: descriptor?.enumerable ?? false, value });
}

/** `new holder[name]` is an escape. */
function classDoor(holder: object, name: string, kind: string, what: string, isDirect = false, made: () => void = () => {}): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  const machine = (holder as Record<string, unknown>)[name];
  if (typeof machine !== 'function') return;
  doors.add(what);
  const value = new Proxy(machine, {
    construct(target, args, newTarget) {
      escapes(kind, what, isDirect);
      made();
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  Object.defineProperty(holder, name, { configurable: true, writable: true, enumerable: descriptor?.enumerable ?? false, value });
}

/** Sockets of the machine that a program uses: made outside of every world, or in a context of before. */
function watchSockets(): void {
  const writes = ['writeBuffer', 'writev', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString', 'writeUcs2String'];
  const { TCP, constants } = binding('tcp_wrap');
  const { UDP } = binding('udp_wrap');
  const made = NodeProgram.runOutside(() => [new (TCP as new (type: number) => object)(constants.SOCKET), new (UDP as new () => object)()]);
  const [tcp, udp] = made.map((handle) => Object.getPrototypeOf(handle) as object) as [object, object];
  for (const handle of made as unknown as { close(): void }[]) handle.close();
  for (const name of ['connect', 'connect6', 'bind', 'bind6', 'listen', ...writes]) {
    door(tcp, name, 'socket', 'a TCP socket of the machine is used', isMachines);
  }
  for (const name of ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']) {
    door(udp, name, 'socket', 'a UDP socket of the machine is used', isMachines);
  }
}

function watchProcesses(): void {
  const children = require('node:child_process') as { ChildProcess: { prototype: object } };
  door(children.ChildProcess.prototype, 'spawn', 'child_process', 'a process is started');
  for (const name of ['spawnSync', 'execSync', 'execFileSync']) door(children, name, 'child_process', `a process is started by ${name}`);
  const threads = require('node:worker_threads') as object;
  classDoor(threads, 'Worker', 'worker_threads', 'a Worker is started');
  classDoor(threads, 'BroadcastChannel', 'worker_threads', 'a BroadcastChannel is made');
  classDoor(globalThis, 'BroadcastChannel', 'worker_threads', 'a BroadcastChannel is made');
  door(process, 'kill', 'process.kill', 'a signal is sent to another process', (_, [pid]) => pid !== process.pid && pid !== 0);
}

function watchContexts(): void {
  const vm = require('node:vm') as { Script: { prototype: object } };
  for (const name of ['createContext', 'runInNewContext']) door(vm, name, 'vm', `vm.${name}: a context with a Date and a Math.random of its own`);
  door(vm.Script.prototype, 'runInNewContext', 'vm', 'Script.runInNewContext: a context with a Date and a Math.random of its own');
}

/** When memory is reclaimed is up to the engine. Node's fetch uses them too, for what nobody can see. */
function watchMemory(): void {
  for (const name of ['FinalizationRegistry', 'WeakRef']) classDoor(globalThis, name, name, `${name} tells when memory is reclaimed`, true);
}

function watchClocks(): void {
  const hooks = require('node:perf_hooks') as {
    PerformanceObserver: { prototype: object }; performance: object; createHistogram(): object;
  };
  door(Object.getPrototypeOf(hooks.performance) as object, 'timerify', 'performance', 'performance.timerify measures by the machine\'s clock');
  door(hooks, 'monitorEventLoopDelay', 'performance', 'monitorEventLoopDelay measures by the machine\'s clock');
  const isReal = (options: { type?: string; entryTypes?: readonly string[] } | undefined): boolean =>
    [options?.type ?? [], options?.entryTypes ?? []].flat().some((type) => type !== 'mark' && type !== 'measure');
  door(hooks.PerformanceObserver.prototype, 'observe', 'performance', 'a PerformanceObserver is told durations by the machine\'s clock', (_, [options]) => isReal(options as never));
  for (const name of ['wait', 'waitAsync']) door(Atomics, name, 'Atomics.wait', `Atomics.${name} waits by the machine's clock`);
  const histogram = Object.getPrototypeOf(hooks.createHistogram()) as object;
  door(histogram, 'recordDelta', 'performance', 'Histogram.recordDelta measures by the machine\'s clock');
  for (const name of ['getReport', 'writeReport']) door(process.report, name, 'process.report', `process.report.${name} tells the machine's time`);
  const timers = require('node:timers') as object;
  for (const name of ['enroll', 'active', '_unrefActive']) door(timers, name, 'timers.enroll', `timers.${name} makes a timer of the machine's`);
}

const TLS = 'TLS: OpenSSL draws its keys, and looks at the dates of certificates by the machine\'s clock';

/** What OpenSSL draws by itself. */
function watchKeys(): void {
  type Class = { prototype: object };
  const crypto = require('node:crypto') as { webcrypto: { subtle: object }; Sign: Class; ECDH: Class; DiffieHellman: Class; DiffieHellmanGroup: Class };
  for (const name of [
    'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync', 'generatePrime', 'generatePrimeSync', 'createECDH',
    'createDiffieHellman', 'createSign', 'sign', 'publicEncrypt', 'encapsulate',
  ]) door(crypto, name, 'crypto', `crypto.${name} draws inside of OpenSSL`);
  // However one came by the object.
  door(crypto.Sign.prototype, 'sign', 'crypto', 'Sign.sign draws inside of OpenSSL');
  door(crypto.ECDH.prototype, 'generateKeys', 'crypto', 'ECDH.generateKeys draws inside of OpenSSL');
  door(crypto.DiffieHellman.prototype, 'generateKeys', 'crypto', 'DiffieHellman.generateKeys draws inside of OpenSSL');
  door(crypto.DiffieHellmanGroup.prototype, 'generateKeys', 'crypto', 'DiffieHellmanGroup.generateKeys draws inside of OpenSSL');
  const subtle = Object.getPrototypeOf(crypto.webcrypto.subtle) as object;
  for (const name of ['generateKey', 'sign', 'encapsulateBits', 'encapsulateKey']) door(subtle, name, 'crypto', `subtle.${name} draws inside of OpenSSL`);
  // Of the ciphers RSA-OAEP alone draws.
  const isOaep = (algorithm: unknown): boolean =>
    String((algorithm as { name?: unknown } | null | undefined)?.name ?? algorithm).toUpperCase() === 'RSA-OAEP';
  door(subtle, 'encrypt', 'crypto', 'subtle.encrypt with RSA-OAEP draws inside of OpenSSL', (_, [algorithm]) => isOaep(algorithm));
  door(subtle, 'wrapKey', 'crypto', 'subtle.wrapKey with RSA-OAEP draws inside of OpenSSL', (_, [, , , algorithm]) => isOaep(algorithm));
  doors.add(TLS);
  const tls = binding('tls_wrap');
  const { wrap } = tls;
  tls.wrap = (...args) => {
    escapes('tls', TLS);
    return wrap.apply(tls, args);
  };
}

function watchFiles(): void {
  const fs = require('node:fs') as { promises: object };
  for (const name of ['watch', 'watchFile']) door(fs, name, 'fs.watch', `fs.${name} is told of files when the machine sees them change`);
  for (const name of ['mkdtemp', 'mkdtempSync', 'mkdtempDisposableSync']) door(fs, name, 'fs.mkdtemp', `fs.${name} draws a name in libuv`);
  for (const name of ['mkdtemp', 'mkdtempDisposable']) door(fs.promises, name, 'fs.mkdtemp', `fs.promises.${name} draws a name in libuv`);
  door(fs.promises, 'watch', 'fs.watch', 'fs.promises.watch is told of files when the machine sees them change');
}

/** Its clock and its random source are the machine's, in C++. */
function watchWasi(): void {
  const { emitWarning } = process;
  const warnings: unknown[][] = [];
  // That it is an experiment Node says as the module is loaded, which we do for somebody who may never ask for it.
  process.emitWarning = ((...args: unknown[]) => warnings.push(args)) as never;
  let wasi: object;
  try {
    wasi = require('node:wasi') as object;
  } finally {
    process.emitWarning = emitWarning;
  }
  classDoor(wasi, 'WASI', 'wasi', 'a WASI tells the machine\'s time, and draws its chance', false, () => {
    for (const args of warnings.splice(0)) (process.emitWarning as (...args: unknown[]) => void)(...args);
  });
}

function watchBindings(): void {
  door(process, 'binding', 'process.binding', 'process.binding gives functions of C++, which follow no world', () => virtualProgram() !== null);
}

/**
 * Node 24's own fetch takes functions of node:crypto for itself when it is loaded, and an ES module that imports node:http loads
 * it: the boundaries of forms and the masks of WebSockets are the machine's from then on.
 */
function watchFetch(): void {
  if (!isLoaded('internal/deps/undici/undici') || asksForChance()) return;
  const early = 'fetch was loaded before sockscape (by node:http) and took crypto\'s functions for itself; import sockscape/sim first';
  classDoor(globalThis, 'FormData', 'loaded early', `the boundary of a FormData: ${early}`);
  classDoor(globalThis, 'WebSocket', 'loaded early', `the masks of a WebSocket: ${early}`);
}

/** Does fetch look for crypto.randomInt when it needs it? */
function asksForChance(): boolean {
  const crypto = require('node:crypto') as { randomInt: (...args: number[]) => number };
  const { randomInt } = crypto;
  let isAsked = false;
  crypto.randomInt = (...args) => {
    isAsked = true;
    return randomInt(...args);
  };
  new Response(new FormData());
  crypto.randomInt = randomInt;
  return isAsked;
}
