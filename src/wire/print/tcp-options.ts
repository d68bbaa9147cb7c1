/**
 * TCP options in words: every kind that tcpdump names, and the others by number with their bytes.
 *
 * Called by tcp.ts. An option may claim more than the header has ("bad opt") or than was captured (the truncation
 * mark); both end the segment's text. Multipath TCP has a file of its own.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printMptcp } from './mptcp.ts';

const EOL = 0;
const NOP = 1;
const MSS = 2;
const WSCALE = 3;
const SACK_OK = 4;
const SACK = 5;
const ECHO = 6;
const ECHO_REPLY = 7;
const TIMESTAMP = 8;
const CC = 11;
const CC_NEW = 12;
const CC_ECHO = 13;
const MD5 = 19;
const SCPS = 20;
const USER_TIMEOUT = 28;
const TCP_AO = 29;
const MPTCP = 30;
const FAST_OPEN = 34;
const EXPERIMENT_2 = 254;
/** RFC 6994 number under which Fast Open was tried out. */
const FAST_OPEN_MAGIC = 0xf989;
const MD5_LEN = 16;

const NAMES: ReadonlyMap<number, string> = new Map([
  [EOL, 'eol'],
  [NOP, 'nop'],
  [MSS, 'mss'],
  [WSCALE, 'wscale'],
  [SACK_OK, 'sackOK'],
  [SACK, 'sack'],
  [ECHO, 'echo'],
  [ECHO_REPLY, 'echoreply'],
  [TIMESTAMP, 'TS'],
  [CC, 'cc'],
  [CC_NEW, 'ccnew'],
  // tcpdump has no word for the echo of a connection count.
  [CC_ECHO, ''],
  [MD5, 'md5'],
  [SCPS, 'scps'],
  [USER_TIMEOUT, 'uto'],
  [TCP_AO, 'tcp-ao'],
  [MPTCP, 'mptcp'],
  [FAST_OPEN, 'tfo'],
  [EXPERIMENT_2, 'exp'],
]);

/** How an option's body ended: bytes of it printed, or why the list stops there. */
const BAD = -1;
const CUT = -2;

/**
 * Prints the option list of the header at `at`; false when it ended early and the segment's text with it.
 * `sackBase` is subtracted from the numbers of SACK blocks, `dataLen` is the length of the segment's data.
 */
export function printTcpOptions(
  d: Dissection,
  at: number,
  headerLen: number,
  flags: number,
  dataLen: number,
  sackBase: number,
): boolean {
  let left = headerLen - 20;
  let next = at + 20;
  let first = true;
  d.put(', options [');
  while (left > 0) {
    if (!first) d.put(',');
    const kind = d.u8(next++);
    let length = 1;
    if (kind !== EOL && kind !== NOP) {
      length = d.u8(next++);
      if (length < 2 || length > left) return stop(d, BAD, first);
      left--;
    }
    left--;
    d.put(NAMES.get(kind) ?? `unknown-${kind}`);
    const printed = printBody(d, kind, next, length, left, at, headerLen, flags, dataLen, sackBase);
    if (printed < 0) return stop(d, printed, first);
    next += printed;
    left -= printed;
    const whole = printed + (kind === EOL || kind === NOP ? 1 : 2);
    if (whole !== length) d.put(`[len ${length}]`);
    first = false;
    if (kind === EOL) break;
  }
  d.put(']');
  return true;
}

/** tcpdump closes the bracket differently for the two reasons, and not at all in the first option. */
function stop(d: Dissection, reason: number, first: boolean): false {
  if (reason === BAD) {
    d.put('[bad opt]');
    if (!first) d.put(']');
  } else {
    d.truncated();
    if (!first) d.put('>');
  }
  return false;
}

/** BAD when the header has no `length` more bytes, CUT when they were not captured, else 0. */
function check(d: Dissection, at: number, length: number, left: number): number {
  if (length > left) return BAD;
  return d.has(at, length) ? 0 : CUT;
}

function printBody(
  d: Dissection,
  kind: number,
  at: number,
  length: number,
  left: number,
  tcpAt: number,
  headerLen: number,
  flags: number,
  dataLen: number,
  sackBase: number,
): number {
  const bodyLen = length - 2;
  let fault = 0;
  switch (kind) {
    case EOL:
    case NOP:
    case SACK_OK:
      return 0;
    case MSS:
      if ((fault = check(d, at, 2, left)) < 0) return fault;
      d.put(` ${d.u16(at)}`);
      return 2;
    case WSCALE:
      if ((fault = check(d, at, 1, left)) < 0) return fault;
      d.put(` ${d.u8(at)}`);
      return 1;
    case SACK:
      return printSack(d, at, bodyLen, left, sackBase);
    case CC:
    case CC_NEW:
    case CC_ECHO:
    case ECHO:
    case ECHO_REPLY:
      if ((fault = check(d, at, 4, left)) < 0) return fault;
      d.put(` ${d.u32(at)}`);
      return 4;
    case TIMESTAMP:
      if ((fault = check(d, at, 8, left)) < 0) return fault;
      d.put(` val ${d.u32(at)} ecr ${d.u32(at + 4)}`);
      return 8;
    case MD5:
      if ((fault = check(d, at, MD5_LEN, left)) < 0) return fault;
      // The digest covers the data; without a key there is nothing to compare it with either.
      d.put(d.has(tcpAt + headerLen, dataLen) ? ' shared secret not supplied with -M, ' : ' snaplen too short, ');
      d.put(`can't check - ${hexBytes(d, at, MD5_LEN)}`);
      return MD5_LEN;
    case SCPS:
      if ((fault = check(d, at, 2, left)) < 0) return fault;
      d.put(` cap ${hex2(d.u8(at))} id ${d.u8(at + 1)}`);
      return 2;
    case USER_TIMEOUT: {
      if ((fault = check(d, at, 2, left)) < 0) return fault;
      const field = d.u16(at);
      // The lowest bit chooses minutes.
      d.put(` 0x${field.toString(16)} ${(field & 1) !== 0 ? (field >> 1) * 60 : field >> 1}`);
      return 2;
    }
    case TCP_AO:
      return printAuthentication(d, at, bodyLen, left);
    case MPTCP: {
      if ((fault = check(d, at, bodyLen, left)) < 0) return fault;
      const old = d.snapEnd;
      d.snapEnd = Math.min(at + bodyLen, old);
      const known = printMptcp(d, at - 2, length, flags);
      d.snapEnd = old;
      return known ? bodyLen : BAD;
    }
    case FAST_OPEN:
      if ((fault = check(d, at, bodyLen, left)) < 0) return fault;
      d.put(' ');
      printCookie(d, at, bodyLen);
      return bodyLen;
    case EXPERIMENT_2: {
      if ((fault = check(d, at, bodyLen, left)) < 0) return fault;
      if (bodyLen < 2) return BAD;
      const magic = d.u16(at);
      d.put('-');
      if (magic === FAST_OPEN_MAGIC) {
        d.put('tfo');
        printCookie(d, at + 2, bodyLen - 2);
      } else {
        d.put(hex(magic, 4));
      }
      return bodyLen;
    }
    default:
      if (bodyLen > 0) d.put(' 0x');
      for (let i = 0; i < bodyLen; i++) {
        if ((fault = check(d, at, i + 1, left)) < 0) return fault;
        d.put(hex2(d.u8(at + i)));
      }
      return bodyLen;
  }
}

function hexBytes(d: Dissection, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += hex2(d.u8(at + i));
  return text;
}

function printSack(d: Dissection, at: number, bodyLen: number, left: number, sackBase: number): number {
  if (bodyLen % 8 !== 0) {
    d.put(' invalid sack');
    return bodyLen;
  }
  d.put(` ${bodyLen / 8} `);
  for (let i = 0; i < bodyLen; i += 8) {
    const fault = check(d, at, i + 8, left);
    if (fault < 0) return fault;
    d.put(`{${(d.u32(at + i) - sackBase) >>> 0}:${(d.u32(at + i + 4) - sackBase) >>> 0}}`);
  }
  return bodyLen;
}

function printAuthentication(d: Dissection, at: number, bodyLen: number, left: number): number {
  if (bodyLen < 2) {
    d.invalid();
    return bodyLen;
  }
  let fault = check(d, at, 1, left);
  if (fault < 0) return fault;
  d.put(` keyid ${d.u8(at)}`);
  if ((fault = check(d, at, 2, left)) < 0) return fault;
  d.put(` rnextkeyid ${d.u8(at + 1)}`);
  if (bodyLen > 2) d.put(' mac 0x');
  for (let i = 2; i < bodyLen; i++) {
    if ((fault = check(d, at, i + 1, left)) < 0) return fault;
    d.put(hex2(d.u8(at + i)));
  }
  return bodyLen;
}

function printCookie(d: Dissection, at: number, length: number): void {
  if (length === 0) d.put(' cookiereq');
  else if (length % 2 !== 0 || length < 4 || length > 16) d.invalid();
  else d.put(` cookie ${hexBytes(d, at, length)}`);
}
