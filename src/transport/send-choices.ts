/**
 * What one message chooses for itself (control data of sendmsg(2)); everything else is as the socket's options say. Made
 * only for messages that choose.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import type { HeaderExtras } from '../net/header-extras.ts';
import type { SocketOptions } from './endpoint.ts';
import { NO_RARE, type RareOptions } from './rare-options.ts';

export class SendChoices {
  /** Why the message will not do: a negative errno. It is told where Linux reads control data, behind other errors. */
  error = 0;
  /** The source address; null for the socket's own or the route's. */
  source: IpAddress | null = null;
  /** The interface it leaves by; null for any. */
  device: Device | null = null;
  /** TTL or hop limit, type of service or traffic class; -1 for the socket's. */
  ttl = -1;
  tos = -1;
  /** IPV6_DONTFRAG: it goes in one piece or not at all. */
  dontFragment = false;
  /** UDP_SEGMENT: it is cut into datagrams of so many bytes, 0 for one; -1 for what the socket says. */
  segmentBytes = -1;
  /** SO_MARK and SO_PRIORITY; null for the socket's. */
  mark: number | null = null;
  priority: number | null = null;
  /** IP_RETOPTS; extension headers and flow label; null for the socket's. */
  headers: ChosenHeaders | null = null;
}

/** What a message's header has besides: begins as the socket's options have it. */
export class ChosenHeaders implements HeaderExtras {
  ipOptions: Uint8Array;
  hopOptions: Uint8Array;
  destinationOptions: Uint8Array;
  fragmentMtu: number;
  flowLabel: number;

  constructor(other: HeaderExtras) {
    this.ipOptions = other.ipOptions;
    this.hopOptions = other.hopOptions;
    this.destinationOptions = other.destinationOptions;
    this.fragmentMtu = other.fragmentMtu;
    this.flowLabel = other.flowLabel;
  }
}

/** What the header of a message has besides; null for most. */
export function extrasOf({ rare }: { readonly rare: RareOptions }, choices: SendChoices | null): HeaderExtras | null {
  if (choices !== null && choices.headers !== null) return choices.headers;
  return rare === NO_RARE ? null : rare;
}

/** Marks and priorities go with the packet, as far as its host reaches. */
export function markPacket(p: Packet, options: SocketOptions, choices: SendChoices | null): void {
  p.mark = choices !== null && choices.mark !== null ? choices.mark : options.mark;
  p.priority = choices !== null && choices.priority !== null ? choices.priority : options.priority;
}
