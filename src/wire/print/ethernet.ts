/**
 * Ethernet frames in words: addresses and type with -e, 802.1Q tags, then the payload; a frame with a length instead of
 * a type goes to llc.ts.
 *
 * Called by capture/tcpdump-printer.ts, and by ip-payload.ts for Ethernet inside IPv6.
 */
import { hex } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printEtherPayload } from './ether-payload.ts';
import { dumpUnknown } from './hex-dump.ts';
import { printLlc } from './llc.ts';
import { EtherType, MAX_LENGTH_FIELD, etherTypeName } from './protocol-names.ts';

const HEADER_LEN = 14;
const ADDRESSES_LEN = 12;

/** Prints the frame at `at` and returns the length of its link header. */
export function printEthernet(d: Dissection, frameAt: number, frameLength: number, frameCaptured: number): number {
  d.protocol = 'ether';
  if (frameLength < frameCaptured) {
    d.put(`[length ${frameLength} < caplen ${frameCaptured}]`);
    d.invalid();
    return frameLength;
  }
  if (frameCaptured < HEADER_LEN) {
    d.truncated();
    return frameCaptured;
  }
  const withHeader = d.options.linkHeader;
  const addresses = `${d.mac(frameAt + 6)} > ${d.mac(frameAt)}, `;
  if (withHeader) d.put(addresses);
  let type = d.u16(frameAt + ADDRESSES_LEN);
  let at = frameAt + HEADER_LEN;
  let length = frameLength - HEADER_LEN;
  let captured = frameCaptured - HEADER_LEN;
  let lengthPrinted = false;
  while (isTag(type)) {
    if (captured < 4 || length < 4) {
      d.protocol = 'vlan';
      d.truncated();
      return at - frameAt + Math.min(captured, length);
    }
    if (withHeader) {
      d.put(etherTypeText(d, type));
      d.put(lengthPrinted ? ', ' : `, length ${frameLength}: `);
      lengthPrinted = true;
      d.put(`${tagText(d.u16(at))}, `);
    }
    type = d.u16(at + 2);
    at += 4;
    length -= 4;
    captured -= 4;
  }
  if (type <= MAX_LENGTH_FIELD) {
    if (type < length) {
      length = type;
      captured = Math.min(captured, length);
    }
    const outerEnd = d.narrow(at, length);
    if (withHeader) d.put(lengthPrinted ? '802.3' : `802.3, length ${length}: `);
    const llcLen = printLlcOrDump(d, at, length, captured, frameAt);
    d.snapEnd = outerEnd;
    return at - frameAt + llcLen;
  }
  if (type === EtherType.Jumbo) return at - frameAt + printLlcOrDump(d, at, length, captured, frameAt);
  if (withHeader) {
    d.put(etherTypeText(d, type));
    d.put(lengthPrinted ? ', ' : `, length ${frameLength}: `);
  }
  if (!printEtherPayload(d, type, at, length, captured)) {
    if (!withHeader) d.put(`${addresses}${etherTypeText(d, type)}, length ${frameLength}: `);
    dumpUnknown(d, at, captured);
  }
  return at - frameAt;
}

function printLlcOrDump(d: Dissection, at: number, length: number, captured: number, frameAt: number): number {
  const llcLen = printLlc(d, at, length, captured, frameAt);
  if (llcLen >= 0) return llcLen;
  dumpUnknown(d, at, captured);
  return -llcLen;
}

function isTag(type: number): boolean {
  return (
    type === EtherType.Vlan || type === EtherType.QinQ || type === EtherType.Vlan9100 || type === EtherType.Vlan9200
  );
}

/** An 802.1Q tag: VLAN, priority, drop eligibility. */
export function tagText(tag: number): string {
  return `vlan ${tag & 0xfff}, p ${tag >> 13}${(tag & 0x1000) !== 0 ? ', DEI' : ''}`;
}

function etherTypeText(d: Dissection, type: number): string {
  const name = etherTypeName(type);
  if (d.options.quiet) return name ?? `Unknown Ethertype (0x${hex(type, 4)})`;
  return `ethertype ${name ?? 'Unknown'} (0x${hex(type, 4)})`;
}
