/**
 * Multipath TCP's option (RFC 6824, RFC 8684) in words.
 *
 * Called by tcp-options.ts, which has already made sure that the option's bytes are there.
 */
import { hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';

const SYN = 0x02;
const ACK = 0x10;
const NAMES = ['capable', 'join', 'dss', 'add-addr', 'rem-addr', 'prio', 'fail', 'fast-close', 'unknown'];
const ADDRESS_FORMS: ReadonlyMap<number, string> = new Map([
  [6, 'v0-ip6'],
  [4, 'v0-ip4'],
  [1, 'v1-echo'],
  [0, 'v1'],
]);

/** Prints the option of `length` bytes at `at`; false when its length or its segment's flags do not fit. */
export function printMptcp(d: Dissection, at: number, length: number, flags: number): boolean {
  d.protocol = 'mptcp';
  if (length < 3) return false;
  const subtype = Math.min(d.u8(at + 2) >> 4, NAMES.length - 1);
  d.put(` ${length} ${NAMES[subtype]}`);
  switch (subtype) {
    case 0:
      return printCapable(d, at, length, flags);
    case 1:
      return printJoin(d, at, length, flags);
    case 2:
      return printSignal(d, at, length, flags);
    case 3:
      return printAddress(d, at, length);
    case 4:
      if (length < 4) return false;
      d.put(' id');
      for (let i = 3; i < length; i++) d.put(` ${d.u8(at + i)}`);
      return true;
    case 5:
      if (length !== 3 && length !== 4) return false;
      d.put((d.u8(at + 2) & 1) !== 0 ? ' backup' : ' non-backup');
      if (length === 4) d.put(` id ${d.u8(at + 3)}`);
      return true;
    case 6:
      if (length !== 12) return false;
      d.put(` seq ${d.u64(at + 4)}`);
      return true;
    case 7:
      if (length !== 12) return false;
      d.put(` key ${hexKey(d, at + 4)}`);
      return true;
    default:
      return true;
  }
}

function hexKey(d: Dissection, at: number): string {
  return `0x${d.u64(at).toString(16)}`;
}

function printCapable(d: Dissection, at: number, length: number, flags: number): boolean {
  const opening = (length === 12 || length === 4) && (flags & SYN) !== 0;
  const confirming = (length === 20 || length === 22) && (flags & (SYN | ACK)) === ACK;
  if (!opening && !confirming) return false;
  const version = d.u8(at + 2) & 0x0f;
  if (version > 1) {
    d.put(` Unknown Version (${version})`);
    return true;
  }
  d.put(` v${version}`);
  if ((d.u8(at + 3) & 0x80) !== 0) d.put(' csum');
  if (length === 12 || length >= 20) {
    d.put(` {${hexKey(d, at + 4)}`);
    if (length >= 20) d.put(`,${hexKey(d, at + 12)}`);
    d.put('}');
  }
  return true;
}

function printJoin(d: Dissection, at: number, length: number, flags: number): boolean {
  const fits =
    (length === 12 && (flags & SYN) !== 0) ||
    (length === 16 && (flags & (SYN | ACK)) === (SYN | ACK)) ||
    (length === 24 && (flags & ACK) !== 0);
  if (!fits) return false;
  if (length !== 24) {
    if ((d.u8(at + 2) & 1) !== 0) d.put(' backup');
    d.put(` id ${d.u8(at + 3)}`);
  }
  if (length === 12) {
    d.put(` token 0x${d.u32(at + 4).toString(16)} nonce 0x${d.u32(at + 8).toString(16)}`);
  } else if (length === 16) {
    d.put(` hmac ${hexKey(d, at + 4)} nonce 0x${d.u32(at + 12).toString(16)}`);
  } else {
    d.put(' hmac 0x');
    for (let i = 4; i < 24; i++) d.put(hex2(d.u8(at + i)));
  }
  return true;
}

/** The data sequence signal: an acknowledgement and a mapping, each with numbers of four or eight bytes. */
function printSignal(d: Dissection, optionAt: number, length: number, flags: number): boolean {
  if (length < 4 || (flags & SYN) !== 0) return false;
  const has = d.u8(optionAt + 3);
  if ((has & 0x10) !== 0) d.put(' fin');
  let at = optionAt + 4;
  let left = length - 4;
  const number = (wide: boolean): boolean => {
    const size = wide ? 8 : 4;
    if (left < size) return false;
    d.put(String(wide ? d.u64(at) : d.u32(at)));
    at += size;
    left -= size;
    return true;
  };
  if ((has & 0x01) !== 0) {
    d.put(' ack ');
    if (!number((has & 0x02) !== 0)) return false;
  }
  if ((has & 0x04) !== 0) {
    d.put(' seq ');
    if (!number((has & 0x08) !== 0)) return false;
    if (left < 4) return false;
    d.put(` subseq ${d.u32(at)}`);
    if (left < 6) return false;
    d.put(` len ${d.u16(at + 4)}`);
    at += 6;
    left -= 6;
    // A checksum stands there only if both sides agreed on it.
    if (left >= 2) {
      d.put(` csum 0x${d.u16(at).toString(16)}`);
      left -= 2;
    }
  }
  return left === 0;
}

function printAddress(d: Dissection, at: number, length: number): boolean {
  const v4 = length === 8 || length === 10 || length === 16 || length === 18;
  const v6 = length === 20 || length === 22 || length === 28 || length === 30;
  if (!v4 && !v6) return false;
  d.put(` ${ADDRESS_FORMS.get(d.u8(at + 2) & 0x0f) ?? '[bad version/echo]'}`);
  d.put(` id ${d.u8(at + 3)}`);
  d.put(v4 ? ` ${d.host4(at + 4)}` : ` ${d.host6(at + 4)}`);
  const afterAddress = at + (v4 ? 8 : 20);
  const withPort = length === 10 || length === 18 || length === 22 || length === 30;
  if (withPort) d.put(`:${d.u16(afterAddress)}`);
  if (length === 16 || length === 18 || length >= 28) d.put(` hmac ${hexKey(d, afterAddress + (withPort ? 2 : 0))}`);
  return true;
}
