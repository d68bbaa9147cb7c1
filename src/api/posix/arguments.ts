/**
 * Arguments that C's types would have refused: for programs without types, where a string given to write would be sent
 * as nothing at all. Called by the `*-calls.ts`; the looks that cost something happen only after `instanceof` said no.
 */

/** A Uint8Array of another realm (a page's frame, a vm context), which no `instanceof` knows. */
export function isForeignBytes(value: unknown): boolean {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';
}

/** The error of a call whose buffer is none. */
export function notBytes(name: string, what: string, value: unknown): TypeError {
  return new TypeError(`${name}: ${what} must be a Uint8Array, not ${described(value)}`);
}

/** The error of an address that is none; null when it will do. */
export function addressFault(name: string, address: unknown): TypeError | null {
  if (address instanceof Uint8Array || isForeignBytes(address)) return null;
  return new TypeError(`${name}: address must be bytes of a sockaddr (sockaddrIn(...)), not ${described(address)}`);
}

/** How many buffers a call may have (UIO_MAXIOV). */
export const IOV_MAX = 1024;

/** The error of a list of buffers that is none; null when it will do. */
export function vectorFault(name: string, iov: unknown): TypeError | null {
  if (!Array.isArray(iov)) return new TypeError(`${name}: iov must be an array of Uint8Arrays, not ${described(iov)}`);
  for (const part of iov) {
    if (!(part instanceof Uint8Array) && !isForeignBytes(part)) return notBytes(name, 'every buffer', part);
  }
  return null;
}

/** The fault of what is no header of sendmsg(2): its buffers, its address, its control data; null when it will do. */
export function messageFault(call: string, message: unknown): TypeError | null {
  if (typeof message !== 'object' || message === null) return vectorFault(call, undefined);
  const { iov, name, control } = message as Record<string, unknown>;
  const fault = vectorFault(call, iov) ?? (name === undefined || name === null ? null : addressFault(call, name));
  if (fault !== null) return fault;
  if (control === undefined || control === null || control instanceof Uint8Array || isForeignBytes(control)) return null;
  return notBytes(call, 'control', control);
}

/** The fault of paths that are no strings; null when all are. */
export function pathFault(call: string, ...paths: readonly unknown[]): TypeError | null {
  for (const path of paths) {
    if (typeof path !== 'string') return new TypeError(`${call}: a path must be a string, not ${described(path)}`);
  }
  return null;
}

/** The fault of what is no list of signals (null is one where it may be left out); null when it will do. */
export function signalsFault(call: string, signals: unknown): TypeError | null {
  return signals === null ? null : listFault(call, 'a set of signals', signals);
}

/** The fault of what cannot be gone through; null when it will do. */
export function listFault(call: string, what: string, list: unknown): TypeError | null {
  const isList = typeof list === 'object' && list !== null && typeof (list as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function';
  return isList ? null : new TypeError(`${call}: ${what} must be an array of numbers, not ${described(list)}`);
}

/** The fault of a structure that is no object; `shape` says what it is to be. Null when it will do. */
export function recordFault(call: string, what: string, record: unknown, shape: string): TypeError | null {
  if (typeof record === 'object' && record !== null) return null;
  return new TypeError(`${call}: ${what} must be ${shape}, not ${described(record)}`);
}

/** The bytes of a view, whatever its elements are; null when it is none. */
export function bytesOf(view: unknown): Uint8Array | null {
  if (view instanceof Uint8Array) return view;
  return ArrayBuffer.isView(view) ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : null;
}

/** What a value is, as a sentence names it. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') {
    const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
    // Bundlers put a _ before the name of a class that names itself.
    return typeof name === 'string' && name !== '' ? article(name === 'Object' ? 'object' : name.replace(/^_/, '')) : 'an object';
  }
  return article(typeof value);
}

function article(word: string): string {
  // Not the letter u: the names that begin with it are Uint8Array's kin.
  return `${/^[aeio]/i.test(word) ? 'an' : 'a'} ${word}`;
}
