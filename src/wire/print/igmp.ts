/**
 * IGMP in words (RFC 1112, RFC 2236, RFC 3376); the routing protocols that share its number are only named.
 *
 * Called by ip-payload.ts.
 */
import { residue } from './checksum.ts';
import type { Dissection } from './dissection.ts';

const RECORD_TYPES = ['', 'is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block'];
/** Tenths of a second that RFC 2236 takes for granted, and so are not worth words. */
const USUAL_RESPONSE_TIME = 100;

export function printIgmp(d: Dissection, at: number, length: number): void {
  d.protocol = 'igmp';
  if (d.options.quiet) return d.put('igmp');
  const type = d.u8(at);
  switch (type) {
    case 0x11:
      d.put('igmp query');
      printQuery(d, at, length);
      break;
    case 0x12:
      d.put(`igmp v1 report ${d.host4(at + 4)}`);
      if (length !== 8) d.put(` [len ${length}]`);
      break;
    case 0x16:
      d.put(`igmp v2 report ${d.host4(at + 4)}`);
      break;
    case 0x17:
      d.put(`igmp leave ${d.host4(at + 4)}`);
      break;
    case 0x22:
      d.put('igmp v3 report');
      printReport(d, at, length);
      break;
    case 0x1e:
    case 0x1f:
      printTrace(d, at, length, type === 0x1e ? 'mresp' : 'mtrace');
      break;
    default:
      d.put(`igmp-${type}`);
  }
  if (d.options.verbose > 0 && length >= 4 && d.has(at, length) && residue(d, at, length) !== 0) {
    d.put(` bad igmp cksum ${d.u16(at + 2).toString(16)}!`);
  }
}

function printQuery(d: Dissection, at: number, length: number): void {
  if (length >= 12) return printQuery3(d, at, length);
  const responseTime = d.u8(at + 1);
  if (responseTime === 0) d.put(' v1');
  else d.put(responseTime === USUAL_RESPONSE_TIME ? ' v2' : ` v2 [max resp time ${responseTime}]`);
  if (d.u32(at + 4) !== 0) d.put(` [gaddr ${d.host4(at + 4)}]`);
  if (length !== 8) d.put(` [len ${length}]`);
}

function printQuery3(d: Dissection, at: number, length: number): void {
  d.put(' v3');
  if ((length & 3) !== 0) return d.put(` [invalid len ${length}]`);
  const code = d.u8(at + 1);
  // From 128 on the code is a small floating-point number.
  const tenths = code < 128 ? code : ((code & 0x0f) | 0x10) << (((code & 0x70) >> 4) + 3);
  if (code !== USUAL_RESPONSE_TIME) {
    const time = tenths < 600 ? `${Math.floor(tenths / 10)}.${tenths % 10}s` : durationText(Math.floor(tenths / 10));
    d.put(` [max resp time ${time}]`);
  }
  if (d.u32(at + 4) === 0) return;
  d.put(` [gaddr ${d.host4(at + 4)}`);
  const sources = d.u16(at + 10);
  if (sources > 0) {
    if (length < 12 + sources * 4) d.put(' [invalid number of sources]');
    else if (d.options.verbose > 1) printSources(d, at + 12, sources);
    else d.put(`, ${sources} source(s)`);
  }
  d.put(']');
}

function printSources(d: Dissection, at: number, count: number): void {
  d.put(' {');
  for (let i = 0; i < count; i++) d.put(` ${d.host4(at + 4 * i)}`);
  d.put(' }');
}

/** Seconds as 5m1s. */
function durationText(seconds: number): string {
  if (seconds === 0) return '0s';
  let text = '';
  let left = seconds;
  for (const [unit, size] of [['y', 31536000], ['w', 604800], ['d', 86400], ['h', 3600], ['m', 60], ['s', 1]] as const) {
    if (left >= size) text += Math.floor(left / size) + unit;
    left %= size;
  }
  return text;
}

function printReport(d: Dissection, at: number, length: number): void {
  if (length < 16 || (length & 3) !== 0) return d.put(` [invalid len ${length}]`);
  const groups = d.u16(at + 6);
  d.put(`, ${groups} group record(s)`);
  if (d.options.verbose === 0) return;
  let offset = 8;
  for (let i = 0; i < groups; i++) {
    if (length < offset + 8) return d.put(' [invalid number of groups]');
    const record = at + offset;
    d.put(` [gaddr ${d.host4(record + 4)}`);
    const type = d.u8(record);
    d.put(` ${type >= 1 && type <= 6 ? RECORD_TYPES[type] : ` [v3-report-#${type}]`}`);
    const sources = d.u16(record + 2);
    if (length < offset + 8 + sources * 4) return d.put(` [invalid number of sources ${sources}]`);
    if (d.options.verbose === 1) d.put(`, ${sources} source(s)`);
    else printSources(d, record + 8, sources);
    offset += 8 + sources * 4;
    d.put(']');
  }
}

function printTrace(d: Dissection, at: number, length: number, name: string): void {
  if (length < 24) return d.put(` [invalid len ${length}]`);
  const query = d.u24(at + 21);
  d.put(`${name} ${query}: ${d.host4(at + 8)} to ${d.host4(at + 12)} reply-to ${d.host4(at + 16)}`);
  if (d.u8(at + 16) >> 4 === 0x0e) d.put(` with-ttl ${d.u8(at + 20)}`);
}
