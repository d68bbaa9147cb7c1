/**
 * recvmsg(2)'s control data of a datagram, in Linux's order: the time, what was lost, then IPv6's facts or IPv4's
 * (sock_recv_cmsgs, ip6_datagram_recv_ctl, ip_cmsg_recv_offset), and behind them an error's description.
 */
import { ANY4, type IpAddress } from '../../base/inet-address.ts';
import { ErrorOrigin, type QueuedError } from '../../transport/error-queue.ts';
import type { ReceiveResult } from '../../transport/endpoint.ts';
import { Tell, TELL_IPV4, TELL_IPV6 } from '../../transport/tell.ts';
import { IP, IPV6, SOL, UDP } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';
import { sockaddrBytes } from '../sockaddr.ts';
import type { InetSocket } from './inet.ts';
import { putExtensions, putFlow, putOldExtensions, putOptions, putReturnOptions, TELL_NEW_HEADERS, TELL_OLD_HEADERS } from './inet-header-control.ts';
import { putLossAndMark, putTime } from './time-control.ts';

const EXTENDED_ERROR_LEN = 16;

/** What was received, for a socket that asked for something or reads its errors. */
export function writeInetControl(socket: InetSocket, received: ReceiveResult, writer: ControlWriter): void {
  const { told, error } = received;
  if (told === Tell.PathMtu6) return putPathMtu(received, writer);
  if ((told & Tell.Time) !== 0) putTime(writer, socket.stack.context.loop.environment.epochUs + received.arrivedUs, told);
  if (error !== null) return putError(socket, received, error, writer);
  putLossAndMark(received, writer);
  if (received.segmentBytes !== 0) writer.put(SOL.UDP, UDP.GRO, ints([received.segmentBytes]));
  putFacts(socket, received, writer);
}

/** struct ip6_mtuinfo: where to, and how much (RFC 3542 section 11.3). */
function putPathMtu({ destination, pathMtuBytes }: ReceiveResult, writer: ControlWriter): void {
  const bytes = new Uint8Array(32);
  bytes.set(sockaddrBytes(false, destination as IpAddress, 0, 0));
  new DataView(bytes.buffer).setUint32(28, pathMtuBytes, true);
  writer.put(SOL.IPV6, IPV6.PATHMTU, bytes);
}

function putFacts({ isV4 }: InetSocket, received: ReceiveResult, writer: ControlWriter): void {
  const { told } = received;
  if (!isV4 && (told & Tell.Info6) !== 0) writer.put(SOL.IPV6, IPV6.PKTINFO, info6Bytes(received));
  if (received.isV4) {
    if ((told & TELL_IPV4) !== 0) putIpv4(received, writer);
  } else if ((told & TELL_IPV6) !== 0) {
    putIpv6(received, writer);
  }
}

function putIpv4(received: ReceiveResult, writer: ControlWriter): void {
  const { told } = received;
  const destination = received.destination as IpAddress;
  if ((told & Tell.Info4) !== 0) {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, received.interfaceIndex, true);
    view.setInt32(4, (received.answerFrom ?? ANY4).d);
    view.setInt32(8, destination.d);
    writer.put(SOL.IP, IP.PKTINFO, bytes);
  }
  if ((told & Tell.Ttl4) !== 0) writer.put(SOL.IP, IP.TTL, ints([received.ttl]));
  if ((told & Tell.Tos4) !== 0) writer.put(SOL.IP, IP.TOS, Uint8Array.of(received.tos));
  if ((told & Tell.Options4) !== 0) putOptions(received.header, writer);
  if ((told & Tell.ReturnOptions4) !== 0) putReturnOptions(received.header, writer);
  if ((told & Tell.Destination4) !== 0) {
    writer.put(SOL.IP, IP.ORIGDSTADDR, sockaddrBytes(true, destination, received.destinationPort, 0));
  }
  // IP_CHECKSUM tells sums that a card has computed over a whole packet; none here does (CHECKSUM_COMPLETE).
  if ((told & Tell.Fragment4) !== 0 && received.largestFragment > 0) {
    writer.put(SOL.IP, IP.RECVFRAGSIZE, ints([received.largestFragment]));
  }
}

/** An IPv4 packet's addresses stand in their mapped form. */
function info6Bytes(received: ReceiveResult): Uint8Array {
  const { a, b, c, d } = received.destination as IpAddress;
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, a);
  view.setInt32(4, b);
  view.setInt32(8, c);
  view.setInt32(12, d);
  view.setInt32(16, received.interfaceIndex, true);
  return bytes;
}

function putIpv6(received: ReceiveResult, writer: ControlWriter): void {
  const { told } = received;
  if ((told & Tell.Hops6) !== 0) writer.put(SOL.IPV6, IPV6.HOPLIMIT, ints([received.ttl]));
  if ((told & Tell.Class6) !== 0) writer.put(SOL.IPV6, IPV6.TCLASS, ints([received.tos]));
  if ((told & Tell.Flow6) !== 0) putFlow(received.header, writer);
  if ((told & TELL_NEW_HEADERS) !== 0) putExtensions(received, writer);
  if ((told & Tell.OldInfo6) !== 0) writer.put(SOL.IPV6, IPV6['2292PKTINFO'], info6Bytes(received));
  if ((told & Tell.OldHops6) !== 0) writer.put(SOL.IPV6, IPV6['2292HOPLIMIT'], ints([received.ttl]));
  if ((told & TELL_OLD_HEADERS) !== 0) putOldExtensions(received, writer);
  if ((told & Tell.Destination6) !== 0) {
    const destination = received.destination as IpAddress;
    const scope = destination.needsScope ? received.interfaceIndex : 0;
    writer.put(SOL.IPV6, IPV6.ORIGDSTADDR, sockaddrBytes(false, destination, received.destinationPort, scope));
  }
  if ((told & Tell.Fragment6) !== 0 && received.largestFragment > 0) {
    writer.put(SOL.IPV6, IPV6.RECVFRAGSIZE, ints([received.largestFragment]));
  }
}

/** struct sock_extended_err with the offender's address behind it, after the facts of the ICMP message (ip_recv_error). */
function putError(socket: InetSocket, received: ReceiveResult, error: QueuedError, writer: ControlWriter): void {
  const { isV4 } = socket;
  const { offender } = error;
  const bytes = new Uint8Array(EXTENDED_ERROR_LEN + (isV4 ? 16 : 28));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, error.errno, true);
  bytes[4] = error.origin;
  bytes[5] = error.type;
  bytes[6] = error.code;
  view.setUint32(8, error.info, true);
  if (offender !== null) {
    bytes.set(sockaddrBytes(isV4, offender, 0, offender.needsScope ? error.interfaceIndex : 0), EXTENDED_ERROR_LEN);
  }
  if (error.origin !== ErrorOrigin.Local) {
    received.interfaceIndex = error.interfaceIndex;
    received.destination = error.destination;
    received.destinationPort = 0;
    received.answerFrom = null;
    received.ttl = error.ttl;
    received.tos = error.tos;
    putFacts(socket, received, writer);
  }
  writer.put(isV4 ? SOL.IP : SOL.IPV6, isV4 ? IP.RECVERR : IPV6.RECVERR, bytes);
}
