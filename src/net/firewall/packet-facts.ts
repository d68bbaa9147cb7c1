/**
 * What a firewall looks at in a packet: its addresses, and behind its IP header the ports, TCP's flags, ICMP's type.
 *
 * One per firewall, re-filled per packet by `Firewall`; whoever keeps something copies it.
 */
import { IpAddress } from '../../base/inet-address.ts';
import type { Packet } from '../../link/packet.ts';
import { Icmp6Type, isIcmp6Error } from '../../wire/icmp6.ts';
import { IcmpType, isIcmpError } from '../../wire/icmp.ts';
import { Ipv4Header, IpProto } from '../../wire/ipv4.ts';
import { Ipv6ExtensionWalker, Ipv6Header } from '../../wire/ipv6.ts';
import { readPorts } from '../../wire/ports.ts';
import { TCP_HEADER_LEN, TcpFlag } from '../../wire/tcp.ts';

/** Both ends of a packet or a flow, as seen by its sender. ICMP's echoes have their identifier for both ports. */
export class Ends {
  protocol = 0;
  isV4 = true;
  srcA = 0;
  srcB = 0;
  srcC = 0;
  srcD = 0;
  srcPort = 0;
  dstA = 0;
  dstB = 0;
  dstC = 0;
  dstD = 0;
  dstPort = 0;

  get source(): IpAddress {
    return new IpAddress(this.srcA, this.srcB, this.srcC, this.srcD);
  }

  get destination(): IpAddress {
    return new IpAddress(this.dstA, this.dstB, this.dstC, this.dstD);
  }

  /** What flows are found by. */
  get key(): string {
    return keyOf(this.protocol, this.source, this.srcPort, this.destination, this.dstPort);
  }
}

export function keyOf(protocol: number, from: IpAddress, fromPort: number, to: IpAddress, toPort: number): string {
  return `${protocol} ${from.a} ${from.b} ${from.c} ${from.d} ${fromPort} ${to.a} ${to.b} ${to.c} ${to.d} ${toPort}`;
}

export class PacketFacts extends Ends {
  /** Where the transport header begins. */
  l4 = 0;
  /** TCP's flags (TcpFlag), 0 for others. */
  flags = 0;
  icmpType = -1;
  /** A part of a packet: what stands in it is not to be trusted, and its ports are unknown. */
  isFragment = false;
  /** Its headers are all there. */
  isWhole = false;
  /** An ICMP error: the packet that it is about, and where in this one its IP header begins; -1 where there is none. */
  readonly quoted: Ends = new Ends();
  quotedAt = -1;
  private readonly header4 = new Ipv4Header();
  private readonly header6 = new Ipv6Header();
  private readonly walker = new Ipv6ExtensionWalker();

  get isIcmp(): boolean {
    return this.protocol === (this.isV4 ? IpProto.Icmp : IpProto.Icmp6);
  }

  get isEcho(): boolean {
    return this.icmpType === (this.isV4 ? IcmpType.Echo : Icmp6Type.Echo);
  }

  get isEchoReply(): boolean {
    return this.icmpType === (this.isV4 ? IcmpType.EchoReply : Icmp6Type.EchoReply);
  }

  /** A segment that asks for a connection (iptables' `--syn`). */
  get isSyn(): boolean {
    return this.protocol === IpProto.Tcp && (this.flags & (TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Rst | TcpFlag.Fin)) === TcpFlag.Syn;
  }

  /** A packet that came in: `l3` is known, and its addresses are in `p`. */
  readReceived(p: Packet): void {
    this.addresses(p);
    let protocol: number;
    let l4: number;
    this.isFragment = false;
    if (p.isV4) {
      this.header4.parseQuoted(p.view, p.l3, p.headEnd);
      ({ protocol } = this.header4);
      l4 = p.l3 + this.header4.headerLen;
      this.isFragment = this.header4.isFragment;
    } else {
      const { walker } = this;
      p.pull(Math.min(p.length, p.l3 - p.head + 128));
      walker.begin(p.view, p.l3, p.headEnd);
      while (walker.next(p.view)) if (walker.kind === IpProto.Fragment) this.isFragment = true;
      protocol = walker.protocol;
      l4 = walker.payloadAt;
    }
    this.transport(p, protocol, l4);
  }

  /** One that is put together, or of this host's own: the transport header is at `head`. */
  readTransport(p: Packet, protocol: number): void {
    this.addresses(p);
    this.isFragment = false;
    this.transport(p, protocol, p.head);
  }

  private addresses(p: Packet): void {
    this.isV4 = p.isV4;
    this.srcA = p.srcA;
    this.srcB = p.srcB;
    this.srcC = p.srcC;
    this.srcD = p.srcD;
    this.dstA = p.dstA;
    this.dstB = p.dstB;
    this.dstC = p.dstC;
    this.dstD = p.dstD;
  }

  private transport(p: Packet, protocol: number, l4: number): void {
    this.protocol = protocol;
    this.l4 = l4;
    this.flags = 0;
    this.icmpType = -1;
    this.quotedAt = -1;
    this.srcPort = this.dstPort = 0;
    this.isWhole = false;
    if (this.isFragment) return;
    // Of an ICMP error the quoted headers as well; most packets have that much in their head.
    const wanted = this.isIcmp ? 8 + 60 + 8 : protocol === IpProto.Tcp ? TCP_HEADER_LEN : 8;
    p.pull(Math.min(p.length, l4 - p.head + wanted));
    const there = p.headEnd - l4;
    if (protocol === IpProto.Tcp) {
      if (there < TCP_HEADER_LEN) return;
      this.flags = p.view.getUint16(l4 + 12) & 0x1ff;
    } else if (protocol === IpProto.Udp || this.isIcmp) {
      if (there < 8) return;
    } else {
      this.isWhole = true;
      return;
    }
    this.isWhole = true;
    if (this.isIcmp) this.icmp(p, l4);
    else readPorts(this, p.view, l4);
  }

  private icmp(p: Packet, l4: number): void {
    const { view } = p;
    const type = view.getUint8(l4);
    this.icmpType = type;
    if (this.isV4 ? isIcmpError(type) : isIcmp6Error(type)) this.quote(p, l4 + 8);
    else if (this.isEcho || this.isEchoReply) this.srcPort = this.dstPort = view.getUint16(l4 + 4);
  }

  private quote(p: Packet, at: number): void {
    const { quoted, header4, header6, isV4 } = this;
    let transportAt: number;
    quoted.isV4 = isV4;
    if (isV4) {
      if (!header4.parseQuoted(p.view, at, p.headEnd) || header4.fragmentOffset !== 0) return;
      quoted.protocol = header4.protocol;
      quoted.srcA = quoted.srcB = quoted.dstA = quoted.dstB = 0;
      quoted.srcC = this.srcC;
      quoted.dstC = this.dstC;
      quoted.srcD = header4.src;
      quoted.dstD = header4.dst;
      transportAt = at + header4.headerLen;
    } else {
      if (!header6.parseQuoted(p.view, at, p.headEnd)) return;
      quoted.protocol = header6.nextHeader;
      quoted.srcA = header6.srcA;
      quoted.srcB = header6.srcB;
      quoted.srcC = header6.srcC;
      quoted.srcD = header6.srcD;
      quoted.dstA = header6.dstA;
      quoted.dstB = header6.dstB;
      quoted.dstC = header6.dstC;
      quoted.dstD = header6.dstD;
      transportAt = at + 40;
    }
    if (p.headEnd - transportAt < 8) return;
    if (quoted.protocol === (isV4 ? IpProto.Icmp : IpProto.Icmp6)) quoted.srcPort = quoted.dstPort = p.view.getUint16(transportAt + 4);
    else readPorts(quoted, p.view, transportAt);
    this.quotedAt = at;
  }
}
