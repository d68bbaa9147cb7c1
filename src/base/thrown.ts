/**
 * What was thrown, looked at without being thrown at again. A program may throw anything: an object without a prototype, which
 * is no string whatever one does, a Proxy whose traps throw or that was revoked, an Error whose getters throw. Whoever tells of
 * such a value must come to the end of his sentence all the same: here, and nowhere else, it is put into words.
 */

/** A class, as `instanceof` takes it. */
type Class<T> = abstract new (...args: never[]) => T;

/** `instanceof`; false for a Proxy that does not tell its prototype. */
export function isKind<T>(value: unknown, kind: Class<T>): value is T {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}

/** A field of what was thrown, read once; undefined where reading throws. */
export function fieldOf(value: unknown, name: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** The words of what was thrown: an Error's message, or the value as a string. Never throws. */
export function wordsOf(thrown: unknown): string {
  if (isKind(thrown, Error)) {
    const message = fieldOf(thrown, 'message');
    return typeof message === 'string' ? message : 'an Error whose message cannot be read';
  }
  try {
    return String(thrown);
  } catch {
    return `${typeof thrown === 'function' ? 'a function' : 'an object'} that cannot be made a string`;
  }
}

/** What was thrown when it is an Error, else the one that `make` gives for its words. Never throws. */
export function errorOf(thrown: unknown, make: (words: string) => Error): Error {
  return isKind(thrown, Error) ? thrown : make(wordsOf(thrown));
}
