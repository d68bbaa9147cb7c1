/**
 * Multicast listener discovery in words, versions 1 (RFC 2710) and 2 (RFC 3810).
 *
 * Called by icmp6.ts, whose messages these are.
 */
import type { Dissection } from './dissection.ts';

const RECORD_TYPES = ['', 'is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block'];
const MESSAGE_LEN = 24;

export function printMld(d: Dissection, at: number): void {
  // No mark when the address was cut off: the length at the end is all that is said.
  if (!d.has(at, MESSAGE_LEN)) return;
  d.put(`max resp delay: ${d.u16(at + 4)} addr: ${d.host6(at + 8)}`);
}

export function printMld2Query(d: Dissection, at: number, length: number): void {
  const verbose = d.options.verbose;
  d.put(' v2');
  const code = d.u16(at + 4);
  // From 32768 on the code is a small floating-point number, and the interval from 128 on.
  const delay = code < 32768 ? code : ((code & 0x0fff) | 0x1000) << (((code & 0x7000) >> 12) + 3);
  if (verbose > 0) d.put(` [max resp delay=${delay}]`);
  d.put(` [gaddr ${d.host6(at + 8)}`);
  if (verbose > 0) {
    const flags = d.u8(at + 24);
    if ((flags & 0x08) !== 0) d.put(' sflag');
    if ((flags & 0x07) !== 0) d.put(` robustness=${flags & 0x07}`);
    const interval = d.u8(at + 25);
    d.put(` qqi=${interval < 128 ? interval : ((interval & 0x0f) | 0x10) << (((interval & 0x70) >> 4) + 3)}`);
  }
  const sources = d.u16(at + 26);
  if (sources > 0) {
    if (length < 28 + sources * 16) d.put(' [invalid number of sources]');
    else if (verbose > 1) printSources(d, at + 28, sources);
    else d.put(`, ${sources} source(s)`);
  }
  d.put(']');
}

function printSources(d: Dissection, at: number, count: number): void {
  d.put(' {');
  for (let i = 0; i < count; i++) d.put(` ${d.host6(at + 16 * i)}`);
  d.put(' }');
}

export function printMld2Report(d: Dissection, at: number, length: number): void {
  if (length < 8) return d.put(` [invalid len ${length}]`);
  const groups = d.u16(at + 6);
  d.put(`, ${groups} group record(s)`);
  if (d.options.verbose === 0) return;
  let offset = 8;
  for (let i = 0; i < groups; i++) {
    if (length < offset + 20) return d.put(' [invalid number of groups]');
    const record = at + offset;
    d.put(` [gaddr ${d.host6(record + 4)}`);
    const type = d.u8(record);
    d.put(` ${type >= 1 && type <= 6 ? RECORD_TYPES[type] : ` [v2-report-#${type}]`}`);
    const sources = d.u16(record + 2);
    if (length < offset + 20 + sources * 16) return d.put(` [invalid number of sources ${sources}]`);
    if (d.options.verbose === 1) d.put(`, ${sources} source(s)`);
    else printSources(d, record + 20, sources);
    offset += 20 + sources * 16;
    d.put(']');
  }
}
