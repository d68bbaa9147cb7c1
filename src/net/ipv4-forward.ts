/**
 * IPv4 packets for somebody else: refuses them or sends them on (Linux's ip_error and ip_forward; RFC 1812 section 5).
 *
 *   Ipv4Input.notOurs -> find -> OnwardRoutes.find; Ipv4Input.forward -> send -> LinkOutput
 *
 * Called by ipv4-input.ts. The path's MTU is the next device's alone: what routers further on said is their concern and
 * the sender's (ip_forward_use_pmtu 0).
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import { completeChecksum, cutSegments } from '../link/segment.ts';
import { decrementIpv4Ttl, IPV4_HEADER_LEN, Ipv4Fragment } from '../wire/ipv4.ts';
import type { Destination } from './destination.ts';
import { linearSegment, pieceLen, readyToSend } from './forward-segments.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { fragmentIpv4 } from './ipv4-fragment.ts';
import { Ipv4Options } from './ipv4-options.ts';
import type { Network } from './network.ts';
import type { Onward } from './onward.ts';
import { linkMtu } from './path-mtu.ts';

export class Ipv4Forward {
  private readonly network: Network;
  private readonly options = new Ipv4Options();
  // Where the pieces of the packet at hand go.
  private way: Destination | null = null;
  private mtuBytes = 0;
  private readonly piece = (p: Packet): void => this.sendPiece(p);
  private readonly fragment = (p: Packet): void => this.sendFragment(p);

  constructor(network: Network) {
    this.network = network;
  }

  /** The way of a packet that is no martian and not for this host; null when it has been refused (it is released). */
  find(p: Packet): Onward | null {
    const { network } = this;
    const { onward, counters } = network;
    const owner = p.device === null ? null : onward.interfaceOf(p.device);
    if (owner === null || !owner.forwardsIpv4 || owner.device.isLoopback) return this.drop(p, Mib.IpInAddrErrors);
    const found = onward.find(p);
    if (found !== null) return found;
    switch (onward.refusal) {
      case Errno.EXDEV:
        return this.drop(p, Mib.TcpExtIPReversePathFilter);
      case Errno.ENETUNREACH:
        counters.values[Mib.IpExtInNoRoutes]++;
        network.sendIcmpError(p, IcmpErrorKind.NetUnreachable);
        p.release();
        return null;
      case Errno.EHOSTUNREACH:
        network.sendIcmpError(p, IcmpErrorKind.HostUnreachable);
        return this.drop(p, Mib.IpInRefused);
      case Errno.EACCES:
        network.sendIcmpError(p, IcmpErrorKind.Prohibited);
        return this.drop(p, Mib.IpInRefused);
      default:
        // A black hole says nothing, and a source that is none deserves nothing.
        return this.drop(p, Mib.IpInRefused);
    }
  }

  /** Sends on a packet whose options are sound; `head` is at its header. Takes over `p`. */
  send(p: Packet, onward: Onward, headerLen: number): void {
    const { network } = this;
    const { values } = network.counters;
    const way = onward.way as Destination;
    const { device } = way;
    // RFC 1812 5.3.4: what came as a broadcast of the link goes no further.
    if (p.frameFor !== FrameFor.Host) {
      this.drop(p, Mib.IpInRefused);
      return;
    }
    if (p.ttl <= 1) {
      network.sendIcmpError(p, IcmpErrorKind.TimeExceeded);
      this.drop(p, Mib.IpInHdrErrors);
      return;
    }
    const isSegment = p.gsoSize !== 0;
    // Pieces are cut behind TCP's header as the device has placed it, and fragments behind IP's as it says itself.
    const isSound = isSegment
      ? p.l4 - p.head === headerLen && linearSegment(p, headerLen)
      : readyToSend(p, headerLen, device.checksumOffload);
    if (!isSound) {
      this.drop(p, Mib.IpInDiscards);
      return;
    }
    values[Mib.IpForwDatagrams]++;
    const mtuBytes = linkMtu(true, device.mtuBytes);
    const isTooLong = (isSegment ? pieceLen(p) : p.length) > mtuBytes;
    if (isTooLong && (p.view.getUint16(p.l3 + 6) & Ipv4Fragment.DontFragment) !== 0) {
      network.sendIcmpError(p, IcmpErrorKind.PacketTooBig, mtuBytes);
      this.drop(p, Mib.IpFragFails);
      return;
    }
    decrementIpv4Ttl(p.view, p.l3);
    if (network.hooks !== null && !network.hooks.forward(p, way)) return;
    if (onward.redirects) network.redirects.send4(p, way);
    if (headerLen > IPV4_HEADER_LEN) {
      this.options.forward(p.view, p.l3, headerLen, way.source.d, network.icmp.timestamp(), this.network.isLocal4);
    }
    this.way = way;
    this.mtuBytes = mtuBytes;
    if (isSegment) {
      if (isTooLong || p.length > device.gsoMaxBytes) cutSegments(p, this.piece);
      else this.output(p);
      return;
    }
    if (isTooLong) this.cut(p, headerLen);
    else this.output(p);
  }

  /** A piece of a super-segment that the next device does not take whole. Takes over `p`. */
  private sendPiece(p: Packet): void {
    if (p.length > this.mtuBytes) return this.cut(p, p.l4 - p.l3);
    if (!(this.way as Destination).device.checksumOffload) completeChecksum(p);
    this.output(p);
  }

  /** Takes over `p`. */
  private cut(p: Packet, headerLen: number): void {
    const { values } = this.network.counters;
    if (fragmentIpv4(p, headerLen, this.mtuBytes, this.fragment)) {
      values[Mib.IpFragOKs]++;
      return;
    }
    this.drop(p, Mib.IpFragFails);
  }

  /** Takes over `p`. */
  private sendFragment(p: Packet): void {
    this.network.counters.values[Mib.IpFragCreates]++;
    this.output(p);
  }

  /** Takes over `p`. */
  private output(p: Packet): void {
    const { network } = this;
    const { values } = network.counters;
    values[Mib.IpOutTransmits]++;
    values[Mib.IpExtOutOctets] += p.length;
    network.link.output(p, this.way as Destination);
  }

  private drop(p: Packet, counter: number): null {
    (this.network.counters.values[counter] as number)++;
    p.release();
    return null;
  }
}
