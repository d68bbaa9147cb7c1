/**
 * Linux cooked captures in words, both versions: what a capture of all interfaces has in place of a link header.
 *
 *     version 1 (16 bytes): packet type 2 | hardware type 2 | address length 2 | address 8 | protocol 2
 *     version 2 (20 bytes): protocol 2 | zero 2 | interface 4 | hardware type 2 | packet type 1 | address length 1 | address 8
 *
 * Called by capture/tcpdump-printer.ts.
 */
import { hex } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printEtherPayload } from './ether-payload.ts';
import { tagText } from './ethernet.ts';
import { dumpUnknown } from './hex-dump.ts';
import { printLlc } from './llc.ts';
import { EtherType, MAX_LENGTH_FIELD, etherTypeName } from './protocol-names.ts';

const SLL_LEN = 16;
const SLL2_LEN = 20;
const MAC_LEN = 6;
/** Protocol numbers below the Ethernet types: 802.3 frames of old Novell networks, and 802.2. */
const NOVELL = 1;
const LLC = 4;
const PACKET_TYPES = ['In', 'B', 'M', 'P', 'Out'];

/** Prints the packet and returns the length of its cooked header. */
export function printCooked(d: Dissection, length: number, captured: number): number {
  d.protocol = 'sll';
  d.need(0, SLL_LEN);
  if (d.options.linkHeader) printHeader(d, length);
  return printPayload(d, d.u16(14), SLL_LEN, length - SLL_LEN, captured - SLL_LEN, printHeader);
}

export function printCooked2(d: Dissection, length: number, captured: number): number {
  d.protocol = 'sll2';
  d.need(0, SLL2_LEN);
  const name = d.options.interfaceName === null ? null : d.options.interfaceName(d.u32(4));
  d.put(`${(name ?? '?').padEnd(5)} ${(PACKET_TYPES[d.u8(10)] ?? '?').padEnd(3)} `);
  if (d.options.linkHeader) printHeader2(d, length);
  return printPayload(d, d.u16(0), SLL2_LEN, length - SLL2_LEN, captured - SLL2_LEN, printHeader2);
}

function printHeader(d: Dissection, length: number): void {
  d.protocol = 'sll';
  d.put(`${(PACKET_TYPES[d.u16(0)] ?? '?').padStart(3)} `);
  if (d.u16(4) === MAC_LEN) d.put(`${d.mac(6)} `);
  if (!d.options.quiet) d.put(`${protocolText(d.u16(14))}, length ${length}: `);
}

function printHeader2(d: Dissection, length: number): void {
  d.protocol = 'sll2';
  d.put(`ifindex ${d.u32(4)} `);
  if (d.u8(11) === MAC_LEN) d.put(`${d.mac(12)} `);
  if (!d.options.quiet) d.put(`${protocolText(d.u16(0))}, length ${length}: `);
}

function protocolText(protocol: number): string {
  if (protocol === NOVELL) return '802.3';
  if (protocol === LLC) return '802.2';
  const name = protocol > MAX_LENGTH_FIELD ? etherTypeName(protocol) : undefined;
  return `ethertype ${name ?? 'Unknown'} (0x${hex(protocol, 4)})`;
}

function printPayload(
  d: Dissection,
  protocol: number,
  headerLen: number,
  payloadLength: number,
  payloadCaptured: number,
  header: (d: Dissection, length: number) => void,
): number {
  let type = protocol;
  let at = headerLen;
  let length = payloadLength;
  let captured = payloadCaptured;
  while (type === EtherType.Vlan) {
    if (captured < 4) {
      d.protocol = 'vlan';
      d.truncated();
      return at + captured;
    }
    if (d.options.linkHeader) d.put(`${tagText(d.u16(at))}, `);
    type = d.u16(at + 2);
    if (type <= MAX_LENGTH_FIELD) type = LLC;
    if (!d.options.quiet) d.put(`ethertype ${etherTypeName(type) ?? 'Unknown'}, `);
    at += 4;
    length -= 4;
    captured -= 4;
  }
  if (type <= MAX_LENGTH_FIELD) {
    const llcLen = type === LLC ? printLlc(d, at, length, captured, -1) : -1;
    if (llcLen >= 0) return at + llcLen;
    dumpUnknown(d, at, captured);
    return at;
  }
  if (!printEtherPayload(d, type, at, length, captured)) {
    if (!d.options.linkHeader) header(d, length + headerLen);
    dumpUnknown(d, at, captured);
  }
  return at;
}
