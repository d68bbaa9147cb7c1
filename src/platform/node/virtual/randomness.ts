/**
 * What a program draws, in a world: Math.random and node:crypto's functions follow the seed, by a generator of the
 * program's own. Keys and the handshakes of TLS draw inside of OpenSSL, and do not (docs/virtual-time.md).
 */
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import type { NodeProgram } from '../../../api/node/node-program.ts';
import type { SeededRandom } from '../../../base/random.ts';
import { virtualProgram } from './clocks.ts';

const generators: WeakMap<NodeProgram, SeededRandom> = new WeakMap();

/** The program draws from `random` from now on. */
export function seedProgram(program: NodeProgram, random: SeededRandom): void {
  generators.set(program, random);
}

function generator(): SeededRandom | null {
  const program = virtualProgram();
  return program === null ? null : (generators.get(program) ?? null);
}

type ByteView = NodeJS.TypedArray | DataView | ArrayBuffer;

function fill(random: SeededRandom, view: ByteView, offset = 0, size?: number): void {
  const all = view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const unit = view instanceof ArrayBuffer || view instanceof DataView ? 1 : view.BYTES_PER_ELEMENT;
  const from = offset * unit;
  const bytes = all.subarray(from, size === undefined ? undefined : from + size * unit);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.int32() & 0xff;
}

/** A double from 0 to 1, of 53 bits, as Math.random gives it. */
function double(random: SeededRandom): number {
  return ((random.int32() >>> 5) * 67108864 + (random.int32() >>> 6)) / 9007199254740992;
}

function uuid(random: SeededRandom): `${string}-${string}-${string}-${string}-${string}` {
  const bytes = Buffer.alloc(16);
  fill(random, bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function installRandomness(): void {
  const machine = { ...crypto };
  const drawMachine = Math.random;
  Math.random = () => {
    const random = generator();
    return random === null ? drawMachine() : double(random);
  };
  const require = createRequire(import.meta.url);
  const module = require('node:crypto') as Record<string, unknown>;
  type Done = (error: Error | null, value?: unknown) => void;

  /** Node's function checks the arguments and does the work; what it drew is drawn anew. */
  module['randomFillSync'] = (view: ByteView, offset?: number, size?: number) => {
    const filled = machine.randomFillSync(view as never, offset as never, size as never);
    const random = generator();
    if (random !== null) fill(random, view, offset, size);
    return filled;
  };
  module['randomFill'] = (view: ByteView, ...rest: unknown[]) => {
    const random = generator();
    const done = rest.pop() as Done;
    if (random === null || typeof done !== 'function') return machine.randomFill(view as never, ...([...rest, done] as never[]) as [never]);
    const [offset, size] = rest as [number?, number?];
    machine.randomFillSync(view as never, offset as never, size as never);
    fill(random, view, offset, size);
    setImmediate(done, null, view);
  };
  const randomBytes = (size: number, done?: Done): unknown => {
    const random = generator();
    if (random === null) return machine.randomBytes(size, done as never);
    const bytes = machine.randomBytes(size);
    fill(random, bytes);
    if (done === undefined) return bytes;
    setImmediate(done, null, bytes);
    return undefined;
  };
  for (const name of ['randomBytes', 'pseudoRandomBytes', 'prng', 'rng']) {
    if (name in module) Object.defineProperty(module, name, { configurable: true, enumerable: true, writable: true, value: randomBytes });
  }
  module['randomInt'] = (min: number, max?: number | Done, done?: Done) => {
    const random = generator();
    const [low, high, tell] = typeof max === 'number' ? [min, max, done] : [0, min, max];
    if (random === null) return machine.randomInt(min, max as never, done as never);
    // Checks the range.
    machine.randomInt(low, high);
    const value = low + Math.floor(double(random) * (high - low));
    if (tell === undefined) return value;
    setImmediate(tell, null, value);
    return undefined;
  };
  module['randomUUID'] = (options?: object) => {
    const drawn = machine.randomUUID(options);
    const random = generator();
    return random === null ? drawn : uuid(random);
  };
  const web = crypto.webcrypto;
  const webRandom = web.getRandomValues.bind(web);
  const getRandomValues = (view: never): never => {
    const filled = webRandom(view) as never;
    const random = generator();
    if (random !== null) fill(random, view);
    return filled;
  };
  const randomUUID = (): string => {
    const random = generator();
    return random === null ? machine.randomUUID() : uuid(random);
  };
  for (const [name, value] of Object.entries({ getRandomValues, randomUUID })) {
    Object.defineProperty(web, name, { configurable: true, enumerable: true, writable: true, value });
  }
}
