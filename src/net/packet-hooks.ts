/**
 * Who may stand in the way of packets, where Linux has netfilter's hooks. `Network.hooks` is null as long as nobody does, and
 * then each place costs one look at a field.
 *
 *   frameInput -> arrived -> (for us: reassembly -> input -> transport | for others: route -> forward -> device)
 *   transport  -> output  -> header -> device
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Packet } from '../link/packet.ts';
import type { Destination } from './destination.ts';

export interface PacketHooks {
  /**
   * NF_INET_PRE_ROUTING: a packet came in; its header is sound and its addresses are in `p`, `head` is at the header. May
   * change addresses, in the packet and in `p` alike. False when it was dropped (it is released).
   */
  arrived(p: Packet): boolean;
  /** NF_INET_LOCAL_IN: for this host, and complete; `head` at its transport header, `l4Len` its length. False: it is released. */
  input(p: Packet): boolean;
  /** NF_INET_FORWARD and POST_ROUTING: about to leave on `way`, its hop limit lowered; `head` at the header. False: it is released. */
  forward(p: Packet, way: Destination): boolean;
  /** NF_INET_LOCAL_OUT: of this host; `head` at its transport header, and no IP header yet. 0, or -EPERM: it is released. */
  output(p: Packet, way: Destination, from: IpAddress, to: IpAddress, protocol: number): number;
}
