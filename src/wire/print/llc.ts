/**
 * 802.2 LLC and SNAP headers in words. Of what they carry only IP, IPv6 and ARP have printers here.
 *
 * Called by ethernet.ts and cooked.ts for frames with a length in place of a type.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printEtherPayload } from './ether-payload.ts';
import { dumpHexAndAscii } from './hex-dump.ts';
import { printIpv4 } from './ipv4.ts';
import { etherTypeName, vendorName } from './protocol-names.ts';

const SAP_IP = 0x06;
const SAP_SNAP = 0xaa;
const UNNUMBERED_INFORMATION = 0x03;
const EXCHANGE_ID = 0xaf;
const POLL_U = 0x10;
const POLL_IS = 0x0100;
const SNAP_LEN = 5;

const SAPS: ReadonlyMap<number, string> = new Map([
  [0x00, 'Null'],
  [0xff, 'Global'],
  [0x02, '802.1B I'],
  [0x04, 'SNA'],
  [SAP_IP, 'IP'],
  [0x0e, 'ProWay NM'],
  [0x42, 'STP'],
  [0x4e, 'RS511'],
  [0x7e, 'ISO8208'],
  [0x8e, 'ProWay'],
  [SAP_SNAP, 'SNAP'],
  [0xe0, 'IPX'],
  [0xf0, 'NetBeui'],
  [0xfe, 'OSI'],
]);
const COMMANDS: ReadonlyMap<number, string> = new Map([
  [UNNUMBERED_INFORMATION, 'ui'],
  [0xe3, 'test'],
  [EXCHANGE_ID, 'xid'],
  [0x63, 'ua'],
  [0x43, 'disc'],
  [0x0f, 'dm'],
  [0x6f, 'sabme'],
  [0x87, 'frmr'],
]);
const SUPERVISORY = ['Receiver Ready', 'Receiver not Ready', 'Reject', '?'];
/** Vendors whose protocol numbers are Ethernet types, and those with numbers of their own. */
const ETHER_TYPE_VENDORS: readonly number[] = [0x000000, 0x0000f8, 0x080007];
const CISCO_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0x2000, 'CDP'],
  [0x2003, 'VTP'],
  [0x2004, 'DTP'],
  [0x0111, 'UDLD'],
  [0x010b, 'PVST'],
  [0x010c, 'VLAN Bridge'],
]);
const BRIDGED_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0x0001, 'Ethernet + FCS'],
  [0x0007, 'Ethernet w/o FCS'],
  [0x0002, '802.4 + FCS'],
  [0x0008, '802.4 w/o FCS'],
  [0x0003, 'Token Ring + FCS'],
  [0x0009, 'Token Ring w/o FCS'],
  [0x0004, 'FDDI + FCS'],
  [0x000a, 'FDDI w/o FCS'],
  [0x0005, '802.6 + FCS'],
  [0x000b, '802.6 w/o FCS'],
  [0x000e, 'BPDU'],
]);

/**
 * Prints the LLC header at `at` and what follows. Returns the length of the headers, negated when the rest remains to
 * be dumped. `frameAt` is where the frame's two addresses stand, or -1 when it has none.
 */
export function printLlc(d: Dissection, llcAt: number, llcLength: number, llcCaptured: number, frameAt: number): number {
  d.protocol = 'llc';
  let length = llcLength;
  let captured = llcCaptured;
  if (captured < 3 || length < 3) return tooShort(d, llcAt, length, captured, 3);
  const destinationField = d.u8(llcAt);
  const sourceField = d.u8(llcAt + 1);
  let control = d.u8(llcAt + 2);
  const unnumbered = (control & 3) === 3;
  let headerLen = 3;
  if (!unnumbered) {
    if (captured < 4 || length < 4) return tooShort(d, llcAt, length, captured, 4);
    control = d.u16le(llcAt + 2);
    headerLen = 4;
  }
  const destination = destinationField & 0xfe;
  const source = sourceField & 0xfe;
  const response = sourceField & 1;
  if (d.options.linkHeader) {
    d.put(`LLC, dsap ${SAPS.get(destination) ?? 'Unknown'} (0x${hex2(destination)}) `);
    d.put(`${(destinationField & 1) !== 0 ? 'Group' : 'Individual'}, ssap ${SAPS.get(source) ?? 'Unknown'} `);
    d.put(`(0x${hex2(source)}) ${response !== 0 ? 'Response' : 'Command'}, ctrl 0x${hex(control, unnumbered ? 2 : 4)}: `);
  }
  const at = llcAt + headerLen;
  length -= headerLen;
  captured -= headerLen;
  if (source === SAP_SNAP && destination === SAP_SNAP && control === UNNUMBERED_INFORMATION) {
    const known = printSnap(d, at, length, captured, frameAt);
    return known ? headerLen + SNAP_LEN : -(headerLen + SNAP_LEN);
  }
  if (source === SAP_IP && destination === SAP_IP && control === UNNUMBERED_INFORMATION) {
    printIpv4(d, at, length);
    return headerLen;
  }
  if (!d.options.linkHeader) printAddresses(d, source, destination, frameAt);
  if (unnumbered) {
    d.put(`Unnumbered, ${COMMANDS.get(control & 0xef) ?? hex2(control & 0xef)}, `);
    d.put(`Flags [${flagText(response, (control & POLL_U) !== 0)}], length ${length + headerLen}`);
    if ((control & ~POLL_U) === EXCHANGE_ID && exchangeIsAll(d, at, length, captured)) return headerLen;
    return -headerLen;
  }
  const flags = flagText(response, (control & POLL_IS) !== 0);
  const received = (control >> 9) & 0x7f;
  if ((control & 1) !== 0) {
    d.put(`Supervisory, ${SUPERVISORY[(control >> 2) & 3]}, rcv seq ${received}, `);
    d.put(`Flags [${flags}], length ${length + headerLen}`);
    return headerLen;
  }
  d.put(`Information, send seq ${(control >> 1) & 0x7f}, rcv seq ${received}, `);
  d.put(`Flags [${flags}], length ${length + headerLen}`);
  return -headerLen;
}

function tooShort(d: Dissection, at: number, length: number, captured: number, wanted: number): number {
  d.truncated();
  dumpHexAndAscii(d, '\n\t', at, captured);
  return captured < wanted ? captured : length;
}

function flagText(response: number, poll: boolean): string {
  if (poll) return response !== 0 ? 'Final' : 'Poll';
  return response !== 0 ? 'Response' : 'Command';
}

function printAddresses(d: Dissection, source: number, destination: number, frameAt: number): void {
  const to = SAPS.get(destination) ?? `Unknown DSAP 0x${hex2(destination)}`;
  const from = SAPS.get(source) ?? `Unknown SSAP 0x${hex2(source)}`;
  if (frameAt < 0) d.put(source === destination ? `${to} ` : `${from} > ${to} `);
  else {
    const between = source === destination ? '' : ` ${from}`;
    d.put(`${d.mac(frameAt + 6)}${between} > ${d.mac(frameAt)} ${to} `);
  }
}

/** The body of an exchange of identifications; false when it is of no known form and must be dumped. */
function exchangeIsAll(d: Dissection, at: number, length: number, captured: number): boolean {
  if (length === 0) return true;
  if (captured < 1) {
    d.truncated();
    return true;
  }
  if (d.u8(at) !== 0x81) return false;
  if (captured < 3 || length < 3) {
    d.truncated();
    if (captured > 0) dumpHexAndAscii(d, '\n\t', at, captured);
  } else {
    d.put(`: ${hex2(d.u8(at + 1))} ${hex2(d.u8(at + 2))}`);
  }
  return true;
}

/** True when everything has been said, even if only that the header was cut off. */
function printSnap(d: Dissection, snapAt: number, snapLength: number, snapCaptured: number, frameAt: number): boolean {
  d.protocol = 'snap';
  if (!d.has(snapAt, SNAP_LEN) || snapCaptured < SNAP_LEN || snapLength < SNAP_LEN) {
    d.truncated();
    return true;
  }
  const vendor = d.u24(snapAt);
  const protocol = d.u16(snapAt + 3);
  const at = snapAt + SNAP_LEN;
  const length = snapLength - SNAP_LEN;
  const captured = snapCaptured - SNAP_LEN;
  const vendorText = `oui ${vendorName(vendor)} (0x${hex(vendor, 6)})`;
  const protocolText = `${snapProtocolName(vendor, protocol)} (0x${hex(protocol, 4)}), length ${length}: `;
  if (d.options.linkHeader) d.put(`${vendorText}, ${vendor === 0 ? 'ethertype' : 'pid'} ${protocolText}`);
  if ((vendor === 0x000000 || vendor === 0x0000f8) && printEtherPayload(d, protocol, at, length, captured)) return true;
  if (!d.options.linkHeader) {
    if (frameAt >= 0) d.put(`${d.mac(frameAt + 6)} > ${d.mac(frameAt)} `);
    d.put(vendor === 0 ? `SNAP, ethertype ${protocolText}` : `SNAP, ${vendorText}, pid ${protocolText}`);
  }
  return false;
}

function snapProtocolName(vendor: number, protocol: number): string {
  if (ETHER_TYPE_VENDORS.includes(vendor)) return etherTypeName(protocol) ?? 'Unknown';
  const names = vendor === 0x00000c ? CISCO_PROTOCOLS : vendor === 0x0080c2 ? BRIDGED_PROTOCOLS : null;
  return names?.get(protocol) ?? 'Unknown';
}
