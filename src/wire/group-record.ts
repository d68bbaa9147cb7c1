/**
 * What MLD and IGMP share: record types of a report, and the floating-point codes of response times and intervals.
 */

/** Group record types (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12). */
export const GroupRecordType = {
  ModeIsInclude: 1,
  ModeIsExclude: 2,
  ChangeToInclude: 3,
  ChangeToExclude: 4,
  AllowNewSources: 5,
  BlockOldSources: 6,
} as const;
export type GroupRecordType = (typeof GroupRecordType)[keyof typeof GroupRecordType];

/** The value of an 8-bit code: itself below 128, else a 4-bit mantissa shifted by a 3-bit exponent. */
export function decodeCode8(code: number): number {
  return code < 0x80 ? code : ((code & 0xf) | 0x10) << (((code >>> 4) & 7) + 3);
}

/** The value of a 16-bit code: itself below 32768, else a 12-bit mantissa shifted by a 3-bit exponent. */
export function decodeCode16(code: number): number {
  return code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >>> 12) & 7) + 3);
}

/** The largest 8-bit code whose value is not above `value`. */
export function encodeCode8(value: number): number {
  if (value < 0x80) return value;
  const exponent = 31 - Math.clz32(value) - 7;
  return exponent > 7 ? 0xff : 0x80 | (exponent << 4) | ((value >>> (exponent + 3)) & 0xf);
}

/** The largest 16-bit code whose value is not above `value`. */
export function encodeCode16(value: number): number {
  if (value < 0x8000) return value;
  const exponent = 31 - Math.clz32(value) - 15;
  return exponent > 7 ? 0xffff : 0x8000 | (exponent << 12) | ((value >>> (exponent + 3)) & 0xfff);
}
