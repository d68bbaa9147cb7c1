/**
 * Numbers that a caller of the system calls handed in, as C would have had them. JavaScript's callers come without a
 * compiler that casts: a NaN in a deadline or a length compares false with everything and would go unnoticed.
 */
const INT_MAX = 0x7fffffff;
const UINT_MAX = 0xffffffff;
const INT_MIN = -0x80000000;

/** A C int: fractions are cut off, what is no number is 0, and what does not fit is the nearest that does. */
export function toInt(n: number): number {
  return n > INT_MAX ? INT_MAX : n < INT_MIN ? INT_MIN : n | 0;
}

/** A C unsigned int: as above; what is negative is what the cast of an int makes of it. */
export function toUnsigned(n: number): number {
  return n > UINT_MAX ? UINT_MAX : n < 0 ? toInt(n) >>> 0 : n >>> 0;
}

/**
 * A `poll` timeout in milliseconds as microseconds: an int as above, negative ones wait for ever. So does whatever does
 * not fit an int, Infinity before all: C has no such call to compare with, and nobody means 24 days by it.
 */
export function pollTimeoutUs(ms: number): number {
  if (ms > INT_MAX || ms < INT_MIN) return Infinity;
  const whole = ms | 0;
  return whole < 0 ? Infinity : whole * 1000;
}

/** Is this a stretch of the buffer? False is EFAULT. */
export function isWithin(buffer: Uint8Array, at: number, length: number): boolean {
  return at >>> 0 === at && length >>> 0 === length && at + length <= buffer.length;
}
