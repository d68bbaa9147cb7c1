/**
 * TCP segments in words. Options are in tcp-options.ts; payload is never decoded, whatever its port.
 *
 * Called by ip-payload.ts.
 */
import { bitNames, hex, visibleByte } from './addresses.ts';
import { expectedChecksum, residue4, residue6 } from './checksum.ts';
import type { Dissection } from './dissection.ts';
import { PAST_THE_END } from './dissection.ts';
import { IpProtocol } from './protocol-names.ts';
import { printTcpOptions } from './tcp-options.ts';

const TCP_HEADER_LEN = 20;
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const URG = 0x20;

const FLAGS: readonly (readonly [number, string])[] = [
  [FIN, 'F'],
  [SYN, 'S'],
  [RST, 'R'],
  [0x08, 'P'],
  [ACK, '.'],
  [URG, 'U'],
  [0x40, 'E'],
  [0x80, 'W'],
];

/** More of a reset's explanatory text is only in the hex dump. */
const MOST_RESET_TEXT = 30;


export function printTcp(d: Dissection, at: number, segmentLength: number, ipAt: number, fragment: boolean): void {
  d.protocol = 'tcp';
  let length = segmentLength;
  const v6 = d.u8(ipAt) >> 4 === 6;
  if (!d.has(at + 2, 2)) {
    d.put(v6 ? `${d.host6(ipAt + 8)} > ${d.host6(ipAt + 24)}:` : `${d.host4(ipAt + 12)} > ${d.host4(ipAt + 16)}:`);
    d.truncated();
    return;
  }
  const sourcePort = d.u16(at);
  const destinationPort = d.u16(at + 2);
  const source = d.port('tcp', sourcePort);
  const destination = d.port('tcp', destinationPort);
  // Behind an extension header the addresses have been printed already.
  if (v6 && d.u8(ipAt + 6) === IpProtocol.Tcp) {
    d.put(`${d.host6(ipAt + 8)}.${source} > ${d.host6(ipAt + 24)}.${destination}: `);
  } else if (!v6 && d.u8(ipAt + 9) === IpProtocol.Tcp) {
    d.put(`${d.host4(ipAt + 12)}.${source} > ${d.host4(ipAt + 16)}.${destination}: `);
  } else {
    d.put(`${source} > ${destination}: `);
  }
  if (!d.has(at, TCP_HEADER_LEN)) return d.truncated();

  const headerLen = (d.u8(at + 12) >> 4) * 4;
  if (headerLen < TCP_HEADER_LEN) {
    d.put(` tcp ${(length - headerLen) >>> 0} [bad hdr length ${headerLen} - too short, < ${TCP_HEADER_LEN}]`);
    return;
  }
  if (d.options.quiet) {
    d.put(`tcp ${(length - headerLen) >>> 0}`);
    if (headerLen > length) d.put(` [bad hdr length ${headerLen} - too long, > ${length}]`);
    return;
  }
  const flags = d.u8(at + 13);
  d.put(`Flags [${bitNames(FLAGS, flags, 'none', '')}]`);

  let seq = d.u32(at + 4);
  let ack = d.u32(at + 8);
  let sackBase = 0;
  if (!d.options.absoluteSeq && (flags & ACK) !== 0) {
    const reversed = isReversed(d, ipAt, v6, sourcePort, destinationPort);
    const key = conversationKey(d, ipAt, v6, sourcePort, destinationPort, reversed);
    let conversation = d.connections.find(key);
    if (conversation === undefined || (flags & SYN) !== 0) {
      const acknowledged = (ack - 1) >>> 0;
      conversation = reversed ? { seq: acknowledged, ack: seq } : { seq, ack: acknowledged };
      d.connections.remember(key, conversation);
    } else {
      seq = (seq - (reversed ? conversation.ack : conversation.seq)) >>> 0;
      ack = (ack - (reversed ? conversation.seq : conversation.ack)) >>> 0;
    }
    sackBase = reversed ? conversation.seq : conversation.ack;
  }
  if (headerLen > length) {
    d.put(` [bad hdr length ${headerLen} - too long, > ${length}]`);
    return;
  }
  if (d.options.verbose > 0 && !fragment && d.has(at, length)) printChecksum(d, at, length, ipAt);

  length -= headerLen;
  if (d.options.verbose > 1 || length > 0 || (flags & (SYN | FIN | RST)) !== 0) {
    d.put(`, seq ${seq}`);
    if (length > 0) d.put(`:${(seq + length) >>> 0}`);
  }
  if ((flags & ACK) !== 0) d.put(`, ack ${ack}`);
  d.put(`, win ${d.u16(at + 14)}`);
  if ((flags & URG) !== 0) d.put(`, urg ${d.u16(at + 18)}`);
  if (headerLen > TCP_HEADER_LEN && !printTcpOptions(d, at, headerLen, flags, length, sackBase)) return;
  d.put(`, length ${length}`);
  if (length === 0) return;
  if (!d.has(at, headerLen)) {
    d.put(` [remaining caplen(${d.left(at)}) < header length(${headerLen})]`);
    throw PAST_THE_END;
  }
  if ((flags & RST) !== 0 && d.options.verbose > 0) printResetText(d, at + headerLen, length);
}

/** A conversation is filed under its lower port first, or its lower address when the ports are equal. */
function isReversed(d: Dissection, ipAt: number, v6: boolean, sourcePort: number, destinationPort: number): boolean {
  if (sourcePort !== destinationPort) return sourcePort > destinationPort;
  const start = ipAt + (v6 ? 8 : 12);
  const length = v6 ? 16 : 4;
  for (let i = start; i < start + length; i++) {
    if (d.bytes[i] !== d.bytes[i + length]) return d.bytes[i] > d.bytes[i + length];
  }
  return false;
}

function conversationKey(
  d: Dissection,
  ipAt: number,
  v6: boolean,
  sourcePort: number,
  destinationPort: number,
  reversed: boolean,
): string {
  const start = ipAt + (v6 ? 8 : 12);
  const length = v6 ? 16 : 4;
  const source = String.fromCharCode(...d.bytes.subarray(start, start + length));
  const destination = String.fromCharCode(...d.bytes.subarray(start + length, start + 2 * length));
  return reversed
    ? `${destination}${source}${destinationPort}/${sourcePort}`
    : `${source}${destination}${sourcePort}/${destinationPort}`;
}

function printChecksum(d: Dissection, at: number, length: number, ipAt: number): void {
  const version = d.u8(ipAt) >> 4;
  if (version !== 4 && version !== 6) return;
  const left =
    version === 4
      ? residue4(d, ipAt, at, length, IpProtocol.Tcp)
      : residue6(d, ipAt, at, length, IpProtocol.Tcp);
  const field = d.u16(at + 16);
  d.put(`, cksum 0x${hex(field, 4)}`);
  d.put(left === 0 ? ' (correct)' : ` (incorrect -> 0x${hex(expectedChecksum(field, left), 4)})`);
}

/** RFC 1122 4.2.2.12: the data of a reset may explain it. */
function printResetText(d: Dissection, at: number, length: number): void {
  d.put(d.has(at, length) ? ' [RST' : ' [!RST');
  let shown = length;
  if (shown > MOST_RESET_TEXT) {
    shown = MOST_RESET_TEXT;
    d.put('+');
  }
  d.put(' ');
  for (let i = at; i < at + shown && i < d.snapEnd; i++) d.put(visibleByte(d.u8(i)));
  d.put(']');
}
