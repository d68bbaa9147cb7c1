/**
 * ARP and reverse ARP in words (RFC 826, RFC 903, RFC 2390).
 *
 * Called by ether-payload.ts.
 */
import { hex, macText } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { dumpHexAndAscii } from './hex-dump.ts';
import { EtherType, etherTypeName } from './protocol-names.ts';

const HEADER_LEN = 8;
const OPERATIONS: ReadonlyMap<number, string> = new Map([
  [1, 'Request'],
  [2, 'Reply'],
  [3, 'Reverse Request'],
  [4, 'Reverse Reply'],
  [8, 'Inverse Request'],
  [9, 'Inverse Reply'],
  [10, 'NACK Reply'],
]);
const HARDWARE: ReadonlyMap<number, string> = new Map([
  [1, 'Ethernet'],
  [6, 'TokenRing'],
  [7, 'ArcNet'],
  [15, 'FrameRelay'],
  [19, 'ATM'],
  [23, 'Strip'],
  [24, 'IEEE 1394'],
  [32, 'InfiniBand'],
]);

export function printArp(d: Dissection, at: number, length: number, captured: number): void {
  d.protocol = 'arp';
  d.need(at, HEADER_LEN);
  const hardware = d.u16(at);
  const protocol = d.u16(at + 2);
  const hardwareLen = d.u8(at + 4);
  const protocolLen = d.u8(at + 5);
  const operation = d.u16(at + 6);
  const senderMac = at + HEADER_LEN;
  const senderIp = senderMac + hardwareLen;
  const targetMac = senderIp + protocolLen;
  const targetIp = targetMac + hardwareLen;
  d.need(targetIp, protocolLen);
  const verbose = d.options.verbose > 0;
  if (!d.options.linkHeader) d.put('ARP, ');
  const isIp = protocol === EtherType.Ipv4 || protocol === EtherType.Trailer;
  if (!isIp || protocolLen !== 4 || hardwareLen === 0 || verbose) {
    d.put(`${HARDWARE.get(hardware) ?? `Unknown Hardware (${hardware})`} (len ${hardwareLen}), `);
    d.put(`${etherTypeName(protocol) ?? `Unknown Protocol (0x${hex(protocol, 4)})`} (len ${protocolLen})`);
    // Without -v an unusual format gets no more words.
    if (!verbose) return d.put(`, length ${length}`);
  }
  d.put(`${verbose ? ', ' : ''}${OPERATIONS.get(operation) ?? `Unknown (${operation})`} `);

  const ip = (where: number): string => {
    if (!isIp) return '<wrong proto type>';
    return protocolLen !== 4 ? '<wrong len>' : d.host4(where);
  };
  const mac = (where: number): string => {
    if (hardwareLen === 0) return '<empty>';
    d.need(where, hardwareLen);
    return macText(d.bytes, where, hardwareLen);
  };
  switch (operation) {
    case 1: {
      d.put(`who-has ${ip(targetIp)}`);
      let known = false;
      for (let i = targetMac; i < targetIp && !known; i++) known = d.u8(i) !== 0;
      if (known) d.put(` (${mac(targetMac)})`);
      d.put(` tell ${ip(senderIp)}`);
      break;
    }
    case 2:
      d.put(`${ip(senderIp)} is-at ${mac(senderMac)}`);
      break;
    case 3:
    case 8:
      d.put(`who-is ${mac(targetMac)} tell ${mac(senderMac)}`);
      break;
    case 4:
      d.put(`${mac(targetMac)} at ${ip(targetIp)}`);
      break;
    case 9:
      d.put(`${mac(senderMac)} at ${ip(senderIp)}`);
      break;
    default:
      return dumpHexAndAscii(d, '\n\t', at, captured);
  }
  d.put(`, length ${length}`);
}
