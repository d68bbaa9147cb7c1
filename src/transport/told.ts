/**
 * What recvmsg(2) can tell of a received datagram, for sockets that asked (transport/tell.ts). Called by the endpoints
 * of datagrams, only when something was asked for.
 */
import { IpAddress } from '../base/inet-address.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import type { Network } from '../net/network.ts';
import type { ReceiveResult } from './endpoint.ts';
import { TELL_HEADER } from './tell.ts';

/** Fills in `result`. `port` is the one that it was sent to. */
export function tellOf(network: Network, p: Packet, port: number, result: ReceiveResult): void {
  const destination = new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD);
  result.isV4 = p.isV4;
  result.interfaceIndex = p.device === null ? 0 : p.device.index;
  result.destination = destination;
  result.destinationPort = port;
  result.answerFrom = destination;
  // fib_compute_spec_dst: an answer to a group's datagram comes from an address of ours.
  if (p.isV4 && (destination.isMulticast || p.frameFor !== FrameFor.Host)) {
    // Who has no address is answered from that of the link.
    const to = p.srcD === 0 ? destination : new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    result.answerFrom = network.lookup(to, null, p.srcD === 0 ? p.device : null)?.source ?? null;
  }
  result.ttl = p.ttl;
  result.tos = p.tos;
  // Who asks for the time only after the datagram came gets the present one (__sock_recv_timestamp).
  result.arrivedUs = p.dueAt > 0 ? p.dueAt : network.context.loop.now;
  result.lost = p.order;
  result.mark = p.mark;
  result.priority = p.priority;
  result.largestFragment = p.largestFragment;
  if ((result.told & TELL_HEADER) !== 0) result.header = p.bytes.slice(p.l3, p.l4);
}
