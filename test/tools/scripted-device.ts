/**
 * A network card whose other end is a test: it keeps what a host sends and lets frames arrive. Questions for the hardware
 * address of a peer (ARP, neighbour discovery) it answers itself, for every address.
 */
import { ChunkWriter } from '../../src/base/slab.ts';
import { finish, pseudoHeaderSum6, sumView } from '../../src/base/checksum.ts';
import { Device } from '../../src/link/device.ts';
import { type Packet, takePacket } from '../../src/link/packet.ts';
import { completeChecksum, cutSegments } from '../../src/link/segment.ts';
import { ArpOperation, ArpPacket, writeArp } from '../../src/wire/arp.ts';
import { ETHERNET_HEADER_LEN, EtherType, writeEthernetHeader } from '../../src/wire/ethernet.ts';
import { Icmp6Type } from '../../src/wire/icmp6.ts';
import { Ipv6Header, writeIpv6Header } from '../../src/wire/ipv6.ts';
import { NdFlag, NdOptionKind, writeNdMacOption, writeNeighbourAdvertisement } from '../../src/wire/nd.ts';
import { IpProto } from '../../src/wire/protocols.ts';

export const PEER_MAC_HI = 0x0200;
export const PEER_MAC_LO = 0x000000fe;

export class ScriptedDevice extends Device {
  /** Called for every frame the host sends, in order, cut to the MTU and with its checksum complete. */
  onSent: (bytes: Uint8Array) => void = () => {};
  private readonly writer = new ChunkWriter();
  private readonly answers: Uint8Array[] = [];

  constructor(name: string, mtuBytes: number, gsoMaxBytes: number) {
    super(name);
    this.mtuBytes = mtuBytes;
    this.gsoMaxBytes = gsoMaxBytes;
    this.macHi = 0x0200;
    this.macLo = 1;
  }

  override transmit(p: Packet): void {
    if (!this.sending(p)) return;
    if (p.gsoSize === 0) this.sent(p);
    else cutSegments(p, (piece) => this.sent(piece));
  }

  /** A frame arrives. */
  inject(bytes: Uint8Array): void {
    const p = takePacket();
    p.addBytes(bytes, 0, bytes.length, this.writer);
    this.received(p);
  }

  /** Delivers the answers to questions for hardware addresses; true when there were any. */
  answerNeighbours(): boolean {
    const answer = this.answers.shift();
    if (answer === undefined) return false;
    this.inject(answer);
    return true;
  }

  close(): void {
    this.writer.release();
  }

  private sent(p: Packet): void {
    completeChecksum(p);
    const bytes = p.toBytes();
    p.release();
    const answer = answerForNeighbour(bytes, this.macHi, this.macLo);
    if (answer === 'none') this.onSent(bytes);
    else if (answer !== null) this.answers.push(answer);
  }
}

/**
 * The answer to a host's ARP request or neighbour solicitation; null for such a frame that gets none; 'none' for every
 * other frame.
 */
export function answerForNeighbour(bytes: Uint8Array, macHi: number, macLo: number): Uint8Array | null | 'none' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(12);
  if (type === EtherType.Arp) {
    const arp = new ArpPacket();
    arp.parse(view, ETHERNET_HEADER_LEN, bytes.length, bytes.length);
    // A host that announces itself asks for its own address.
    if (arp.operation !== ArpOperation.Request || arp.senderIp === arp.targetIp || arp.senderIp === 0) return null;
    const reply = new Uint8Array(ETHERNET_HEADER_LEN + 28);
    const to = new DataView(reply.buffer);
    writeEthernetHeader(to, 0, macHi, macLo, PEER_MAC_HI, PEER_MAC_LO, EtherType.Arp);
    writeArp(
      to, ETHERNET_HEADER_LEN, ArpOperation.Reply, PEER_MAC_HI, PEER_MAC_LO, arp.targetIp, arp.senderMacHi,
      arp.senderMacLo, arp.senderIp,
    );
    return reply;
  }
  if (type !== EtherType.Ipv6) return 'none';
  const ip = new Ipv6Header();
  if (!ip.parse(view, ETHERNET_HEADER_LEN, bytes.length, bytes.length - ETHERNET_HEADER_LEN)) return 'none';
  if (ip.nextHeader === 0) return null;
  if (ip.nextHeader !== IpProto.Icmp6) return 'none';
  const at = ETHERNET_HEADER_LEN + 40;
  const kind = view.getUint8(at);
  if (kind !== Icmp6Type.NeighbourSolicitation) return null;
  // The unspecified source is duplicate address detection: nobody else has the address.
  if ((ip.srcA | ip.srcB | ip.srcC | ip.srcD) === 0) return null;
  const target = [8, 12, 16, 20].map((offset) => view.getInt32(at + offset)) as [number, number, number, number];
  const reply = new Uint8Array(ETHERNET_HEADER_LEN + 40 + 32);
  const to = new DataView(reply.buffer);
  writeEthernetHeader(to, 0, macHi, macLo, PEER_MAC_HI, PEER_MAC_LO, EtherType.Ipv6);
  writeIpv6Header(
    to, ETHERNET_HEADER_LEN, 32, 0, 0, IpProto.Icmp6, 255, ...target, ip.srcA, ip.srcB, ip.srcC, ip.srcD,
  );
  writeNeighbourAdvertisement(to, at, NdFlag.Solicited | NdFlag.Override, ...target);
  const end = writeNdMacOption(to, at + 24, NdOptionKind.TargetLinkLayerAddress, PEER_MAC_HI, PEER_MAC_LO);
  const pseudo = pseudoHeaderSum6(...target, ip.srcA, ip.srcB, ip.srcC, ip.srcD, IpProto.Icmp6, 32);
  to.setUint16(at + 2, finish(sumView(to, at, end, pseudo)));
  return reply;
}
