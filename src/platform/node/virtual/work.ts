/**
 * Real work in flight: what Node does for a program outside of its thread, whose end is a macrotask that no clock of ours
 * knows of. While there is some, the world's time stands still.
 *
 * Files (and imports) show in `process.getActiveResourcesInfo()`. Crypto, compression and WebAssembly do not: their functions
 * count. async_hooks would see most of it, but makes every promise of the process four times as dear.
 *
 * Work ends in the order of its submission where the thread pool has one thread: `UV_THREADPOOL_SIZE=1`.
 */
import { createRequire } from 'node:module';
import { MessageChannel, MessagePort } from 'node:worker_threads';
import { virtualProgram } from './clocks.ts';
import { escapesEverywhere } from './escapes.ts';

const require = createRequire(import.meta.url);

/** What is seen of files, and of names that the machine resolves. */
const REQUESTS: ReadonlySet<string> = new Set(['FSReqCallback', 'FSReqPromise', 'CloseReq', 'GetAddrInfoReqWrap', 'GetNameInfoReqWrap']);

type Function_ = (this: unknown, ...args: unknown[]) => unknown;

class WorkCounts {
  /** Pieces of work that were counted when they began, and have not ended. */
  open = 0;
}

export const work: WorkCounts = new WorkCounts();
/** Streams of zlib with a chunk in work. */
const chunks: Set<{ destroyed: boolean }> = new Set();

/** Anything that time has to wait for? */
export function workInFlight(): boolean {
  let { open } = work;
  for (const stream of chunks) {
    // A stream that was destroyed tells nobody of its chunk.
    if (stream.destroyed) chunks.delete(stream);
    else open++;
  }
  for (const name of process.getActiveResourcesInfo()) if (REQUESTS.has(name)) open++;
  if (open > 1 && pool === Pool.Many) {
    pool = Pool.Told;
    escapesEverywhere('thread pool', 'work of several threads ends in an order of chance; start node with UV_THREADPOOL_SIZE=1', 'node');
  }
  return open > 0;
}

/** Holds time while `promise` is open. */
export function holdFor<T>(promise: Promise<T>): Promise<T> {
  work.open++;
  const done = (): void => {
    work.open--;
  };
  promise.then(done, done);
  return promise;
}

/** `UV_THREADPOOL_SIZE` counts for a pool that has done nothing yet; in an ES module Node itself has used it to load that. */
export function installWork(): void {
  const asked = process.env['UV_THREADPOOL_SIZE'];
  if (asked === undefined) {
    process.env['UV_THREADPOOL_SIZE'] = '1';
    lookAtPool();
  } else if (asked !== '1') {
    pool = Pool.Many;
  }
  watchCrypto();
  watchZlib();
  watchWebAssembly();
  watchPorts();
}

/** How many threads the pool has: one is what is asked for. */
const Pool = { One: 0, Many: 1, Told: 2 } as const;
let pool: number = Pool.One;

/** Two pieces of work, a long one and a short one: in a pool of one thread the long one ends first. */
function lookAtPool(): void {
  const crypto = require('node:crypto') as typeof import('node:crypto');
  let isLongOver = false;
  crypto.pbkdf2('a', 'b', 5000, 20, 'sha256', () => {
    isLongOver = true;
  });
  crypto.pbkdf2('a', 'b', 1, 20, 'sha256', () => {
    if (!isLongOver) pool = Pool.Many;
  });
}

/** `holder[name]` with all that Node has put onto it, such as how it is promisified. */
function wrap(holder: object, name: string, make: (machine: Function_) => Function_): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  if (descriptor === undefined || typeof descriptor.value !== 'function') return;
  const value = make(descriptor.value as Function_);
  Object.defineProperties(value, Object.getOwnPropertyDescriptors(descriptor.value));
  Object.defineProperty(holder, name, { ...descriptor, value });
}

/** Functions whose last argument, when it is a function, hears of the end. */
const CALLBACKS = [
  'pbkdf2', 'scrypt', 'hkdf', 'argon2', 'generateKeyPair', 'generateKey', 'generatePrime', 'checkPrime', 'sign', 'verify', 'diffieHellman',
  'encapsulate', 'decapsulate',
];

function watchCrypto(): void {
  const crypto = require('node:crypto') as typeof import('node:crypto');
  for (const name of CALLBACKS) {
    wrap(crypto, name, (machine) => function (...args) {
      const done = args.at(-1);
      if (typeof done !== 'function' || virtualProgram() === null) return machine.apply(this, args);
      const result = machine.call(this, ...args.slice(0, -1), function (this: unknown, ...told: unknown[]) {
        work.open--;
        return done.apply(this, told);
      });
      // Behind the call, which throws at what it does not take.
      work.open++;
      return result;
    });
  }
  const subtle = Object.getPrototypeOf(crypto.webcrypto.subtle) as object;
  for (const name of Object.getOwnPropertyNames(subtle)) if (name !== 'constructor') holdResult(subtle, name);
}

/** A method that gives a promise. */
function holdResult(holder: object, name: string): void {
  wrap(holder, name, (machine) => function (...args) {
    const result = machine.apply(this, args);
    return result instanceof Promise && virtualProgram() !== null ? holdFor(result) : result;
  });
}

/** Streams of zlib, which its functions use too: a chunk at a time. */
function watchZlib(): void {
  const zlib = require('node:zlib') as typeof import('node:zlib');
  let base = zlib.Gzip.prototype as object;
  while (!Object.hasOwn(base, '_transform')) base = Object.getPrototypeOf(base) as object;
  wrap(base, '_transform', (transform) => function (chunk, encoding, done) {
    if (virtualProgram() === null) return transform.call(this, chunk, encoding, done);
    chunks.add(this as { destroyed: boolean });
    return transform.call(this, chunk, encoding, (...told: unknown[]) => {
      chunks.delete(this as { destroyed: boolean });
      return (done as Function_)(...told);
    });
  });
}

function watchWebAssembly(): void {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: object };
  for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming']) holdResult(WebAssembly, name);
}

/**
 * Messages between ports of this thread come as macrotasks of their own. One that is sent behind them, on a channel of ours,
 * shows when they have come.
 */
function watchPorts(): void {
  let asked = 0;
  let channel: MessageChannel | null = null;
  wrap(MessagePort.prototype, 'postMessage', (post) => function (...args) {
    const result = post.apply(this, args);
    if (virtualProgram() !== null) {
      if (channel === null) {
        channel = new MessageChannel();
        channel.port2.on('message', () => {
          work.open--;
          if (--asked === 0) channel?.port2.unref();
        });
        channel.port2.unref();
      }
      work.open++;
      if (asked++ === 0) channel.port2.ref();
      post.call(channel.port1, 0);
    }
    return result;
  });
}
