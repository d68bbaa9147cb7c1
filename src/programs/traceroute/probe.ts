/** One probe, and what an ICMP message about it means. Called by traceroute.ts and the methods. */
import { ICMP6_TIME_EXCEEDED, ICMP6_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_UNREACHABLE } from '../icmp-words.ts';

export class Probe {
  readonly ttl: number;
  /** -1 until it is sent; microseconds. */
  sentUs = -1;
  receivedUs = -1;
  isDone = false;
  /** It came to the end: no hop behind this one is of interest. */
  isFinal = false;
  /** Who answered: a socket address; null when nobody did. */
  from: Uint8Array | null = null;
  /** `!H` and its kin. */
  remark = '';
  /** How many times it was taken back to be sent again. */
  retries = 0;

  constructor(ttl: number) {
    this.ttl = ttl;
  }

  /** An answer of the target itself. */
  answered(from: Uint8Array, nowUs: number): void {
    this.from = from;
    this.receivedUs = nowUs;
    this.isDone = true;
    this.isFinal = true;
  }

  /** An ICMP error about it. */
  reported(from: Uint8Array, nowUs: number, isV4: boolean, type: number, code: number, info: number): void {
    this.answered(from, nowUs);
    if (type === (isV4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED) && code === 0) this.isFinal = false;
    else this.remark = isV4 ? remark4(type, code, info) : remark6(type, code, info);
  }

  /** To be sent again. */
  takeBack(): void {
    this.sentUs = -1;
    this.isDone = false;
    this.retries++;
  }
}

const REMARKS4 = ['!N', '!H', '!P', '', '', '!S', '!N', '!H', '!S', '!X', '!X', '!N', '!H', '!X', '!V', '!C'];
const REMARKS6 = ['!N', '!X', '!S', '!H', ''];

function remark4(type: number, code: number, info: number): string {
  if (type !== ICMP_UNREACHABLE) return `!<${type}-${code}>`;
  return code === 4 ? `!F-${info & 0xffff}` : (REMARKS4[code] ?? `!<${code}>`);
}

function remark6(type: number, code: number, info: number): string {
  if (type === 2) return `!F-${info >>> 0}`;
  return type === ICMP6_UNREACHABLE ? (REMARKS6[code] ?? `!<${code}>`) : `!<${type}-${code}>`;
}
