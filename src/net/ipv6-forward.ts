/**
 * IPv6 packets for somebody else: refuses them or sends them on (Linux's ip6_pkt_drop and ip6_forward; RFC 8200, 4443).
 *
 *   Ipv6Input.notOurs -> find -> OnwardRoutes.find; Ipv6Input.forward -> send -> LinkOutput
 *
 * Called by ipv6-input.ts. Nobody but the sender fragments IPv6. The path's MTU is the next device's alone.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { isLinkLocal } from '../base/inet-address.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import { completeChecksum, cutSegments } from '../link/segment.ts';
import { decrementIpv6HopLimit, IPV6_HEADER_LEN, IPV6_MIN_MTU } from '../wire/ipv6.ts';
import type { Destination } from './destination.ts';
import { linearSegment, pieceLen, readyToSend } from './forward-segments.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { Network } from './network.ts';
import type { Onward } from './onward.ts';
import { linkMtu } from './path-mtu.ts';

export class Ipv6Forward {
  private readonly network: Network;
  // Where the pieces of the super-segment at hand go.
  private way: Destination | null = null;
  private readonly piece = (p: Packet): void => this.sendPiece(p);

  constructor(network: Network) {
    this.network = network;
  }

  /** The way of a packet that is not for this host; null when it has been refused (it is released). */
  find(p: Packet): Onward | null {
    const { network } = this;
    const { onward, counters } = network;
    // RFC 4291 2.5.6: such a destination is on the link, if it is anywhere.
    if (isLinkLocal(p.dstA, p.dstB, p.dstC, p.dstD) || p.device === null || p.device.isLoopback) return this.drop(p, Mib.Ip6InAddrErrors);
    const found = onward.find(p);
    if (found === null && onward.refusal === Errno.EINVAL) return this.drop(p, Mib.IpInRefused);
    if (found === null) {
      // Linux: a host that knows no way says so, whether it is a router or not.
      const kind = onward.refusal === Errno.EACCES ? IcmpErrorKind.Prohibited : IcmpErrorKind.NetUnreachable;
      counters.values[Mib.Ip6InNoRoutes]++;
      network.sendIcmpError(p, kind);
      p.release();
      return null;
    }
    return found;
  }

  /** Sends on a packet whose hop-by-hop options are sound; `head` is at its header. Takes over `p`. */
  send(p: Packet, onward: Onward): void {
    const { network } = this;
    const { values } = network.counters;
    const way = onward.way as Destination;
    const { device } = way;
    if (p.frameFor !== FrameFor.Host) {
      this.drop(p, Mib.IpInRefused);
      return;
    }
    if (p.ttl <= 1) {
      network.sendIcmpError(p, IcmpErrorKind.TimeExceeded);
      this.drop(p, Mib.Ip6InHdrErrors);
      return;
    }
    if (onward.redirects) {
      network.redirects.send6(p, way);
    } else if (!this.mayLeave(p)) {
      this.drop(p, Mib.Ip6InAddrErrors);
      return;
    }
    const isSegment = p.gsoSize !== 0;
    if (isSegment ? !linearSegment(p, IPV6_HEADER_LEN) : !readyToSend(p, IPV6_HEADER_LEN, device.checksumOffload)) {
      this.drop(p, Mib.Ip6InDiscards);
      return;
    }
    values[Mib.Ip6OutForwDatagrams]++;
    // RFC 8200 section 5: a link with a smaller MTU would have to make up for it below IPv6.
    const mtuBytes = Math.max(linkMtu(false, device.mtuBytes), IPV6_MIN_MTU);
    const isTooLong = (isSegment ? pieceLen(p) : p.length) > mtuBytes;
    if (isTooLong) {
      network.sendIcmpError(p, IcmpErrorKind.PacketTooBig, mtuBytes);
      values[Mib.Ip6InTooBigErrors]++;
      this.drop(p, Mib.Ip6FragFails);
      return;
    }
    decrementIpv6HopLimit(p.view, p.l3);
    if (network.hooks !== null && !network.hooks.forward(p, way)) return;
    this.way = way;
    if (isSegment && p.length > device.gsoMaxBytes) cutSegments(p, this.piece);
    else this.output(p);
  }

  /** RFC 4291 2.5: may a packet with this source go to another link? Tells the sender when its scope ends here. */
  private mayLeave(p: Packet): boolean {
    if ((p.srcA | p.srcB | p.srcC | p.srcD) === 0) return false;
    if (!isLinkLocal(p.srcA, p.srcB, p.srcC, p.srcD)) return true;
    this.network.sendIcmpError(p, IcmpErrorKind.BeyondScope);
    return false;
  }

  /** A piece of a super-segment that the next device does not take whole. Takes over `p`. */
  private sendPiece(p: Packet): void {
    if (!(this.way as Destination).device.checksumOffload) completeChecksum(p);
    this.output(p);
  }

  /** Takes over `p`. */
  private output(p: Packet): void {
    const { network } = this;
    const { values } = network.counters;
    values[Mib.Ip6OutTransmits]++;
    values[Mib.Ip6OutOctets] += p.length;
    network.link.output(p, this.way as Destination);
  }

  private drop(p: Packet, counter: number): null {
    (this.network.counters.values[counter] as number)++;
    p.release();
    return null;
  }
}
