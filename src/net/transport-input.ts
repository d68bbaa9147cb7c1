/**
 * What the network layer calls upward: one implementing class, set once by stack/.
 */
import { Packet } from '../link/packet.ts';

const NO_PACKET = new Packet(new ArrayBuffer(0), 0, 0);

/** An ICMP error about a packet we sent, translated. One per network, re-filled: whoever keeps it copies it. */
export class IcmpErrorReport {
  /** Protocol of the quoted packet (IpProto). */
  protocol = 0;
  isV4 = false;
  /** Addresses of the quoted packet: it was sent from `local` to `remote`. */
  localA = 0;
  localB = 0;
  localC = 0;
  localD = 0;
  remoteA = 0;
  remoteB = 0;
  remoteC = 0;
  remoteD = 0;
  /** What brought it: the ICMP message, `head` at its header, or for want of one the packet of ours itself. */
  packet: Packet = NO_PACKET;
  /** The quoted transport header: `available` bytes (at least 8) from `at` in `bytes`. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  at = 0;
  available = 0;
  /** Where the quoted IP header begins. */
  networkAt = 0;
  icmpType = 0;
  icmpCode = 0;
  /** Errno that Linux reports for it (icmp_err_convert; positive). */
  errno = 0;
  /** Linux's `fatal` bit: the error ends an unconnected wait at once. */
  fatal = false;
  /** Next-hop MTU of "fragmentation needed" and "packet too big"; 0 for others. */
  mtuBytes = 0;
  /** The message's own word (`ee_info`): an MTU as it was told, an offset, a router; 0 where there is none. */
  info = 0;
}

export interface TransportInput {
  /** A TCP segment for this host: `head` at the TCP header, `l4Len` its length. Takes over `p`. */
  tcpInput(p: Packet): void;
  /** A UDP datagram, likewise. Takes over `p`. */
  udpInput(p: Packet): void;
  /** An answer to an echo request, `head` at its ICMP header, checked: ping sockets have ids. Borrows `p`; true when somebody's. */
  echoReply(p: Packet): boolean;
  /** Is there a raw socket that wants this protocol? Borrows `p`; true when one took a copy. */
  rawInput(p: Packet): boolean;
  /** An ICMP error about something we sent. */
  icmpError(report: IcmpErrorReport): void;
  /** A redirect or a source quench about something we sent, which only ping sockets take for errors (EREMOTEIO). */
  icmpAdvice(report: IcmpErrorReport): void;
}
