/**
 * What one message chooses for itself (control data of sendmsg(2)); everything else is as the socket's options say. Made
 * only for messages that choose.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';

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
}
