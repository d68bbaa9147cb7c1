/**
 * TCP sequence arithmetic (RFC 9293 section 3.4): 32-bit numbers that wrap.
 *
 * A sequence number is kept as an int32 (`| 0`), so that V8 holds it in a small integer; print it with `>>> 0`.
 * Compare only with these functions: `a < b` is wrong after 2^31 bytes.
 */

/** A 32-bit sequence number, stored as int32. */
export type Seq = number;

/** a < b in sequence space. */
export function seqLt(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) < 0;
}

/** a <= b in sequence space. */
export function seqLeq(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) <= 0;
}

/** a > b in sequence space. */
export function seqGt(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) > 0;
}

/** a >= b in sequence space. */
export function seqGeq(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) >= 0;
}
