/**
 * IPv4 headers and their options in words, then whatever they carry.
 *
 * Called by ether-payload.ts, llc.ts and raw.ts, by icmp.ts for quoted packets, and by ip-payload.ts for tunnels.
 */
import { bitNames } from './addresses.ts';
import { expectedChecksum, residue } from './checksum.ts';
import type { Dissection } from './dissection.ts';
import { PAST_THE_END } from './dissection.ts';
import { printIpPayload } from './ip-payload.ts';
import { IpProtocol, ipProtocolName } from './protocol-names.ts';

const HEADER_LEN = 20;
const OFFSET_MASK = 0x1fff;
const MORE_FRAGMENTS = 0x2000;
const FLAGS: readonly (readonly [number, string])[] = [
  [MORE_FRAGMENTS, '+'],
  [0x4000, 'DF'],
  [0x8000, 'rsvd'],
];
const ECN = ['', ',ECT(1)', ',ECT(0)', ',CE'];

const EOL = 0;
const NOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const LOOSE_ROUTE = 131;
const STRICT_ROUTE = 137;
const ROUTER_ALERT = 148;
const OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [EOL, 'EOL'],
  [NOP, 'NOP'],
  [TIMESTAMP, 'timestamp'],
  [130, 'security'],
  [RECORD_ROUTE, 'RR'],
  [STRICT_ROUTE, 'SSRR'],
  [LOOSE_ROUTE, 'LSRR'],
  [ROUTER_ALERT, 'RA'],
  [82, 'traceroute'],
]);

/** `length` is how long the packet claims to be from outside: the frame's or the quoting packet's word. */
export function printIpv4(d: Dissection, at: number, length: number): void {
  d.protocol = 'ip';
  const version = d.u8(at) >> 4;
  if (version !== 4) {
    d.put(version === 6 ? 'IP6, wrong link-layer encapsulation' : `IP${version}`);
    d.invalid();
    return;
  }
  if (!d.options.linkHeader) d.put('IP ');
  if (!d.has(at, HEADER_LEN)) return d.truncated();
  if (length < HEADER_LEN) return d.put(`truncated-ip ${length}`);
  const headerLen = (d.u8(at) & 0x0f) * 4;
  if (headerLen < HEADER_LEN) return d.put(`bad-hlen ${headerLen}`);
  const total = d.u16(at + 2);
  if (length < total) d.put(`truncated-ip - ${total - length} bytes missing! `);
  if (total < headerLen) return d.put(`bad-len ${total}`);
  const outerEnd = d.narrow(at, total);
  printWithin(d, at, headerLen, total - headerLen);
  d.snapEnd = outerEnd;
}

function printWithin(d: Dissection, at: number, headerLen: number, payloadLength: number): void {
  const fragmentField = d.u16(at + 6);
  const protocol = d.u8(at + 9);
  if (d.options.verbose > 0) {
    const whole = printHeader(d, at, headerLen, fragmentField, protocol);
    if (!whole) {
      d.put(`${d.host4(at + 12)} > ${d.host4(at + 16)}: `);
      d.truncated();
      return;
    }
  }
  if ((fragmentField & OFFSET_MASK) !== 0) {
    d.put(`${d.host4(at + 12)} > ${d.host4(at + 16)}: ip-proto-${protocol}`);
    return;
  }
  // UDP and TCP print the addresses themselves, with their ports.
  if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp) {
    d.put(`${d.host4(at + 12)} > ${d.host4(at + 16)}: `);
  }
  if (!d.has(at, headerLen)) {
    d.put(` [remaining caplen(${d.left(at)}) < header length(${headerLen})]`);
    throw PAST_THE_END;
  }
  const fragment = (fragmentField & MORE_FRAGMENTS) !== 0;
  printIpPayload(d, at + headerLen, payloadLength, 4, fragment, protocol, at);
}

/** The line of header fields that -v adds; false when the options were cut off. */
function printHeader(d: Dissection, at: number, headerLen: number, fragmentField: number, protocol: number): boolean {
  const tos = d.u8(at + 1);
  const ttl = d.u8(at + 8);
  d.put(`(tos 0x${tos.toString(16)}${ECN[tos & 3]}`);
  if (ttl >= 1) d.put(`, ttl ${ttl}`);
  d.put(`, id ${d.u16(at + 4)}, offset ${(fragmentField & OFFSET_MASK) * 8}`);
  d.put(`, flags [${bitNames(FLAGS, fragmentField & ~OFFSET_MASK, 'none', ', ')}]`);
  d.put(`, proto ${ipProtocolName(protocol)} (${protocol}), length ${d.u16(at + 2)}`);
  let whole = true;
  if (headerLen > HEADER_LEN) {
    d.put(', options (');
    whole = printOptions(d, at + HEADER_LEN, headerLen - HEADER_LEN);
    if (!whole) d.put(' [truncated-option]');
    d.put(')');
  }
  if (d.has(at, headerLen)) {
    const left = residue(d, at, headerLen);
    if (left !== 0) {
      const field = d.u16(at + 10);
      d.put(`, bad cksum ${field.toString(16)} (->${expectedChecksum(field, left).toString(16)})!`);
    }
  }
  d.put(')\n    ');
  return whole;
}

function printOptions(d: Dissection, optionsAt: number, optionsLen: number): boolean {
  let at = optionsAt;
  let left = optionsLen;
  let separator = '';
  while (left > 0) {
    d.put(separator);
    separator = ',';
    const kind = d.u8(at);
    d.put(OPTION_NAMES.get(kind) ?? `unknown ${kind}`);
    let length = 1;
    if (kind !== NOP && kind !== EOL) {
      length = d.u8(at + 1);
      if (length < 2) {
        d.put(` [bad length ${length}]`);
        return true;
      }
    }
    if (length > left) {
      d.put(` [bad length ${length}]`);
      return true;
    }
    if (!d.has(at, length)) return false;
    if (kind === EOL) return true;
    if (kind === TIMESTAMP) {
      printTimestamps(d, at, length);
    } else if (kind === RECORD_ROUTE || kind === STRICT_ROUTE || kind === LOOSE_ROUTE) {
      if (!printRoute(d, at, length)) return false;
    } else if (kind === ROUTER_ALERT) {
      if (length < 4) d.put(` [bad length ${length}]`);
      else if (d.u16(at + 2) !== 0) d.put(` value ${d.u16(at + 2)}`);
    }
    at += length;
    left -= length;
  }
  return true;
}

/** Addresses up to the pointer are those already visited, and get a comma. */
function printRoute(d: Dissection, at: number, length: number): boolean {
  if (length < 3) {
    d.put(` [bad length ${length}]`);
    return true;
  }
  if (((length + 1) & 3) !== 0) d.put(` [bad length ${length}]`);
  const pointer = (d.u8(at + 2) - 1) >>> 0;
  if (pointer < 3 || ((pointer + 1) & 3) !== 0 || pointer > length + 1) d.put(` [bad ptr ${d.u8(at + 2)}]`);
  for (let i = 3; i < length; i += 4) {
    if (!d.has(at + i, 4)) return false;
    d.put(` ${d.host4(at + i)}`);
    if (pointer > i) d.put(',');
  }
  return true;
}

function printTimestamps(d: Dissection, at: number, length: number): void {
  if (length < 4) {
    d.put(`[bad length ${length}]`);
    return;
  }
  d.put(' TS{');
  const kind = d.u8(at + 3) & 0x0f;
  const missed = d.u8(at + 3) >> 4;
  const step = kind === 0 ? 4 : 8;
  if (((length - 4) & (step - 1)) !== 0) d.put(`[bad length ${length}]`);
  const pointer = (d.u8(at + 2) - 1) >>> 0;
  if (pointer < 4 || ((pointer - 4) & (step - 1)) !== 0 || pointer > length + 1) d.put(`[bad ptr ${d.u8(at + 2)}]`);
  let i = 0;
  if (kind === 0 || kind === 1 || kind === 3) {
    d.put(kind === 0 ? 'TSONLY' : kind === 1 ? 'TS+ADDR' : 'PRESPEC');
    for (i = 4; i < length; i += step) {
      d.put(pointer === i ? ' ^ ' : ' ');
      d.put(`${d.u32(at + i + step - 4)}@${step === 8 ? d.host4(at + i) : ''}`);
    }
  } else {
    d.put(`[bad ts type ${kind}]`);
  }
  if (pointer === i) d.put(' ^ ');
  d.put(missed > 0 ? ` [${missed} hops not recorded]} ` : '}');
}
