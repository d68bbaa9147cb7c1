/**
 * What the packet sockets of one host share: the list of those that listen, and the one tap that serves them all. While
 * nobody listens there is no tap, and a frame costs its device one comparison.
 */
import type { HostContext } from '../../base/host-context.ts';
import type { Device, FrameTap } from '../../link/device.ts';
import type { Packet } from '../../link/packet.ts';
import type { Network } from '../../net/network.ts';
import { NetworkObserver } from '../../net/network-observer.ts';
import type { Stack } from '../../stack/stack.ts';
import { BROADCAST_MAC_HI, BROADCAST_MAC_LO, ETHERNET_HEADER_LEN, isMulticastMac } from '../../wire/ethernet.ts';
import { ETH_P, PACKET_TYPE } from '../constants.ts';
import type { PacketSocket } from './packet.ts';

/** Below this the field behind the addresses is a length (ETH_P_802_3_MIN). */
const LEAST_ETHER_TYPE = 0x0600;
const VLAN_8021AD = 0x88a8;

/** A frame as all sockets see it; re-filled for each, so that those who do not want it cost no memory. */
export class FrameView {
  protocol = 0;
  packetType = 0;
  sourceHi = 0;
  sourceLo = 0;
  /** The tag that Linux takes out of the frame before anybody sees it (skb_vlan_untag); 0 as protocol when there is none. */
  vlanTag = 0;
  vlanProtocol = 0;
}

export class PacketHost extends NetworkObserver implements FrameTap {
  readonly stack: Stack;
  /** Who sends right now: a socket does not see what it sends (skb_loop_sk). And the protocol that it gave; -1 for the frame's. */
  sender: PacketSocket | null = null;
  sentProtocol = -1;
  /** All of them, the oldest first. */
  readonly sockets: PacketSocket[] = [];
  /** Those that listen. */
  private readonly listening: PacketSocket[] = [];
  private readonly seen = new FrameView();

  constructor(stack: Stack) {
    super();
    this.stack = stack;
  }

  /** For leak tests. */
  get socketCount(): number {
    return this.sockets.length;
  }

  get network(): Network {
    return this.stack.network;
  }

  get context(): HostContext {
    return this.stack.context;
  }

  add(socket: PacketSocket): void {
    this.sockets.push(socket);
    if (this.sockets.length === 1) this.network.observers.push(this);
  }

  remove(socket: PacketSocket): void {
    removeFrom(this.sockets, socket);
    if (this.sockets.length === 0) removeFrom(this.network.observers, this);
  }

  listen(socket: PacketSocket): void {
    this.listening.push(socket);
    if (this.listening.length === 1) this.network.watchFrames(this);
  }

  stopListening(socket: PacketSocket): void {
    removeFrom(this.listening, socket);
    if (this.listening.length === 0) this.network.watchFrames(null);
  }

  /** FrameTap. Borrows `p`, whose head is at its Ethernet header. */
  frame(device: Device, p: Packet, outgoing: boolean): void {
    if (!p.pull(ETHERNET_HEADER_LEN)) return;
    const { seen, listening } = this;
    look(seen, device, p, outgoing);
    if (this.sender !== null && this.sentProtocol >= 0) seen.protocol = this.sentProtocol;
    for (let i = 0; i < listening.length; i++) {
      const socket = listening[i] as PacketSocket;
      if (outgoing ? socket.seesOutgoing(this.sender) : socket.listensTo === ETH_P.ALL || socket.listensTo === seen.protocol) {
        socket.frameSeen(device, p, seen);
      }
    }
  }

  override deviceChanged(device: Device): void {
    for (const socket of this.sockets) socket.deviceChanged(device);
  }

  override deviceGone(device: Device): void {
    for (const socket of this.sockets) socket.deviceGone(device);
  }
}

function removeFrom<T>(list: T[], one: T): void {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
}

/** eth_type_trans for what arrives; what leaves is OUTGOING whatever its address. */
function look(seen: FrameView, device: Device, p: Packet, outgoing: boolean): void {
  const { view, head } = p;
  const dstHi = view.getUint16(head);
  const dstLo = view.getInt32(head + 2);
  seen.sourceHi = view.getUint16(head + 6);
  seen.sourceLo = view.getInt32(head + 8);
  seen.protocol = protocolAt(p, 12);
  seen.vlanTag = 0;
  seen.vlanProtocol = 0;
  if (outgoing) {
    seen.packetType = PACKET_TYPE.OUTGOING;
    return;
  }
  if (isMulticastMac(dstHi)) {
    // Loopback's own broadcast address is all zeros.
    const isBroadcast = dstHi === BROADCAST_MAC_HI && dstLo === BROADCAST_MAC_LO && !device.isLoopback;
    seen.packetType = isBroadcast ? PACKET_TYPE.BROADCAST : PACKET_TYPE.MULTICAST;
  } else {
    const isOurs = dstHi === device.macHi && dstLo === device.macLo;
    seen.packetType = isOurs ? PACKET_TYPE.HOST : PACKET_TYPE.OTHERHOST;
  }
  if (isVlan(seen.protocol) && p.pull(ETHERNET_HEADER_LEN + 4)) {
    seen.vlanProtocol = seen.protocol;
    seen.vlanTag = p.view.getUint16(p.head + 14);
    seen.protocol = protocolAt(p, 16);
  }
}

export function isVlan(protocol: number): boolean {
  return protocol === ETH_P.VLAN || protocol === VLAN_8021AD;
}

function protocolAt(p: Packet, at: number): number {
  const type = p.view.getUint16(p.head + at);
  if (type >= LEAST_ETHER_TYPE) return type;
  // IPX began raw 802.3 frames with a checksum of all ones; everything else is 802.2.
  return p.length >= at + 4 && p.uint16At(at + 2) === 0xffff ? ETH_P.ETH_802_3 : ETH_P.ETH_802_2;
}
