/**
 * Masquerading (RFC 3022, Linux's nf_nat): packets of a flow get another source on their way out, and answers their old
 * destination back; errors about them too, with the packet that they quote.
 *
 * Called by firewall.ts. IPv4 only. Ports are taken as Linux takes them: the sender's own when it is free, else one of the
 * same class (below 512, below 1024, the others).
 */
import type { IpAddress } from '../../base/inet-address.ts';
import { below, type RandomSource } from '../../base/random.ts';
import { packetSum } from '../../link/packet-checksum.ts';
import { ChecksumState, type Packet } from '../../link/packet.ts';
import { IcmpType } from '../../wire/icmp.ts';
import { IpProto } from '../../wire/protocols.ts';
import { End, repairChecksum, setIpv4Address, setPort } from '../../wire/ports.ts';
import { TCP_CHECKSUM } from '../../wire/tcp.ts';
import { UDP_CHECKSUM } from '../../wire/udp.ts';
import type { Flow, FlowTable } from './flows.ts';
import { keyOf, type PacketFacts } from './packet-facts.ts';

const ICMP_CHECKSUM = 2, ICMP_ID = 4;

/** Gives the flow its other source; false when every port is taken. */
export function translateFlow(flow: Flow, outside: IpAddress, flows: FlowTable, random: RandomSource, now: number): boolean {
  const isFree = (port: number): boolean => !flows.isTaken(keyOf(flow.protocol, flow.to, flow.toPort, outside, port), now);
  const own = flow.fromPort;
  let port = own;
  if (!isFree(own)) {
    const [low, high] = flow.protocol === IpProto.Icmp ? [0, 65535] : own < 512 ? [1, 511] : own < 1024 ? [600, 1023] : [1024, 65535];
    const count = high - low + 1;
    const start = below(random, count);
    let tried = 0;
    do port = low + ((start + tried) % count);
    while (!isFree(port) && ++tried < count);
    if (tried >= count) return false;
  }
  flow.outside = outside;
  flow.outsidePort = port;
  flow.isTranslated = true;
  return true;
}

/** A packet of the flow on its way out: the source becomes the outside's. */
export function translateSource(p: Packet, facts: PacketFacts, flow: Flow): void {
  rewrite(p, facts, End.Source, flow.outside.d, flow.outsidePort);
  p.srcD = facts.srcD = flow.outside.d;
  facts.srcPort = flow.outsidePort;
}

/** An answer: the destination becomes the one that began. */
export function translateBack(p: Packet, facts: PacketFacts, flow: Flow): void {
  rewrite(p, facts, End.Destination, flow.from.d, flow.fromPort);
  p.dstD = facts.dstD = flow.from.d;
  facts.dstPort = flow.fromPort;
}

function rewrite(p: Packet, facts: PacketFacts, end: End, address: number, port: number): void {
  const { view } = p;
  const { l4, protocol } = facts;
  const before = end === End.Source ? facts.srcD : facts.dstD;
  setIpv4Address(view, p.l3, end, address);
  const isPartial = p.checksumState === ChecksumState.Partial;
  if (protocol === IpProto.Tcp || protocol === IpProto.Udp) {
    const portBefore = setPort(view, l4, end, port);
    const field = l4 + (protocol === IpProto.Tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    // RFC 768: a datagram without a checksum stays without one.
    if (protocol === IpProto.Udp && !isPartial && view.getUint16(field) === 0) return;
    repairChecksum(view, field, isPartial, before, address, portBefore, port);
  } else if (facts.icmpType === IcmpType.Echo || facts.icmpType === IcmpType.EchoReply) {
    const id = view.getUint16(l4 + ICMP_ID);
    view.setUint16(l4 + ICMP_ID, port);
    repairChecksum(view, l4 + ICMP_CHECKSUM, false, 0, 0, id, port);
  }
}

/**
 * An ICMP error about a packet of the flow: about one that went out translated it and the packet that it quotes get the
 * inside's addresses back; about an answer (`isAboutReply`) they get the outside's. The quoted transport checksum stays
 * wrong, as nobody looks at it; the error's own is made anew.
 */
export function translateError(p: Packet, facts: PacketFacts, flow: Flow, isAboutReply: boolean): void {
  const { view } = p;
  const { l4, quotedAt, quoted } = facts;
  const [address, port] = isAboutReply ? [flow.outside.d, flow.outsidePort] : [flow.from.d, flow.fromPort];
  const quotedEnd = isAboutReply ? End.Destination : End.Source;
  setIpv4Address(view, quotedAt, quotedEnd, address);
  const transportAt = quotedAt + ((view.getUint8(quotedAt) & 0xf) << 2);
  if (quoted.protocol === IpProto.Tcp || quoted.protocol === IpProto.Udp) setPort(view, transportAt, quotedEnd, port);
  else if (quoted.protocol === IpProto.Icmp) view.setUint16(transportAt + ICMP_ID, port);
  if (isAboutReply) {
    setIpv4Address(view, p.l3, End.Source, address);
    p.srcD = facts.srcD = address;
  } else {
    setIpv4Address(view, p.l3, End.Destination, address);
    p.dstD = facts.dstD = address;
  }
  view.setUint16(l4 + ICMP_CHECKSUM, 0);
  view.setUint16(l4 + ICMP_CHECKSUM, ~packetSum(p, l4, 0) & 0xffff);
  p.checksumState = ChecksumState.Full;
}
