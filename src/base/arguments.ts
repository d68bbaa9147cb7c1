/**
 * Arguments that C's types would have refused, as programs without types hand them in. A reader gives the plain value that the
 * code behind it may trust (no getter, no Proxy, no subclass is looked at again), or throws a TypeError or RangeError that names
 * the argument. Calls of a Process reject with it (api/posix/signatures.ts), helpers throw it.
 */
import { fieldOf, wordsOf } from './thrown.ts';

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const tagOf = getterOf(TYPED_ARRAY, Symbol.toStringTag);

function getterOf(prototype: object, field: PropertyKey): () => unknown {
  return (Object.getOwnPropertyDescriptor(prototype, field) as { get: () => unknown }).get;
}

/**
 * A Uint8Array whose methods are its own: of no subclass, no other realm, and no Proxy of one. The look at an element, which
 * nobody can intercept, is for V8: where it has seen the kind of array, the prototype is a constant (a call of the runtime else).
 */
export function isPlainBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Uint8Array)[0] !== null && Object.getPrototypeOf(value) === Uint8Array.prototype;
}

/** A Uint8Array whatever its class and realm are (Node's Buffer, a page's frame): a plain one of the same memory; null for none. */
export function plainBytes(value: unknown): Uint8Array | null {
  if (isPlainBytes(value)) return value;
  if (!ArrayBuffer.isView(value) || tagOf.call(value) !== 'Uint8Array') return null;
  return new Uint8Array(view(value, 'buffer'), view(value, 'byteOffset'), view(value, 'length'));
}

/** A view's own field, whatever a subclass says of it. */
function view<T>(of: ArrayBufferView, field: string): T {
  // The tag of a DataView is undefined here: it is no typed array.
  const prototype = tagOf.call(of) === undefined ? DataView.prototype : TYPED_ARRAY;
  return getterOf(prototype, field).call(of) as T;
}

/** What a value is, as a sentence names it. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return article(typeof value);
  let name: unknown;
  try {
    name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  } catch {
    // A getter or a Proxy that throws: it is an object all the same.
  }
  // Bundlers put a _ before the name of a class that names itself.
  return typeof name === 'string' && name !== '' ? article(name === 'Object' ? 'object' : name.replace(/^_/, '')) : 'an object';
}

function article(word: string): string {
  // Not the letter u: the names that begin with it are Uint8Array's kin.
  return `${/^[aeio]/i.test(word) ? 'an' : 'a'} ${word}`;
}

/** A text in a sentence: no more of it than the sentence bears. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}

/** The error of an argument of the wrong kind. `what` names the call and the argument: `bind: address`. */
export function wrongKind(what: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${what} must be ${wanted}, not ${described(value)}`);
}

/** Marks what readers throw; anything else that comes out of one was thrown by the caller's own getter, Proxy or iterator. */
const faults = new WeakSet<object>();

export function fault<T extends Error>(error: T): T {
  faults.add(error);
  return error;
}

/** Runs a reader; what the caller's code throws meanwhile becomes the cause of a TypeError that names the argument. */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (typeof error === 'object' && error !== null && faults.has(error)) throw error;
    throw fault(new TypeError(`${what} cannot be read: ${wordsOf(error)}`, { cause: error }));
  }
}

/** A number as it is: the call behind casts it as C does. One that is left out is 0 there, or the default. */
export function readNumber(what: string, value: unknown): number | undefined {
  if (typeof value === 'number' || value === undefined) return value;
  throw fault(wrongKind(what, 'a number', value));
}

/** A whole number from `least` to `most`, for helpers that write it into bytes. */
export function readWhole(what: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw fault(wrongKind(what, 'a number', value));
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw fault(new RangeError(`${what} must be a whole number from ${least} to ${most}, not ${value}`));
}

export function readText(what: string, value: unknown, wanted = 'a string'): string {
  if (typeof value === 'string') return value;
  throw fault(wrongKind(what, wanted, value));
}

export function readBytes(what: string, value: unknown, wanted = 'a Uint8Array'): Uint8Array {
  const bytes = plainBytes(value);
  if (bytes === null) throw fault(wrongKind(what, wanted, value));
  return present(bytes);
}

/** The bytes of any view, whatever its elements are. */
export function readView(what: string, value: unknown, wanted: string): Uint8Array {
  if (isPlainBytes(value)) return present(value);
  if (!ArrayBuffer.isView(value)) throw fault(wrongKind(what, wanted, value));
  // A DataView of memory that is gone throws.
  return reading(what, () => present(new Uint8Array(view(value, 'buffer'), view(value, 'byteOffset'), view(value, 'byteLength'))));
}

/**
 * An array whose memory was transferred or resized away has length 0, and its methods throw: one of that length that is there.
 * Not by `length`: what V8 12 and before optimizes now and then goes on to see that of before (Node 20 and 22, measured).
 */
export function present(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === 0 ? new Uint8Array(0) : bytes;
}

/**
 * The elements of an array, or of anything that can be gone through where `isAnyIterable`; each by `element`. More than `most`
 * are a RangeError: an iterator may have no end.
 */
export function readList<T>(
  what: string, value: unknown, wanted: string, most: number, isAnyIterable: boolean, element: (value: unknown) => T,
): T[] {
  return reading(what, () => {
    if (!(isAnyIterable ? isIterable(value) : Array.isArray(value))) throw fault(wrongKind(what, wanted, value));
    const list: T[] = [];
    for (const each of value as Iterable<unknown>) {
      if (list.length === most) throw fault(new RangeError(`${what} must have at most ${most} elements`));
      list.push(element(each));
    }
    return list;
  });
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function';
}

/** An object that has these functions: a process of whoever implements the calls. */
export function mustHave(what: string, wanted: string, value: unknown, ...functions: readonly string[]): void {
  if (typeof value === 'object' && value !== null && functions.every((name) => typeof fieldOf(value, name) === 'function')) return;
  throw fault(wrongKind(what, wanted, value));
}

/** The fields of a structure, each read once; `shape` says what it is to be. */
export function readRecord<T>(what: string, value: unknown, shape: string, fields: (of: Readonly<Record<string, unknown>>) => T): T {
  if (typeof value !== 'object' || value === null) throw fault(wrongKind(what, shape, value));
  return reading(what, () => fields(value as Record<string, unknown>));
}
