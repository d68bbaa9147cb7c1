/**
 * recvmsg(2)'s control data of a datagram, in Linux's order: the time, what was lost, then IPv6's facts or IPv4's
 * (sock_recv_cmsgs, ip6_datagram_recv_ctl, ip_cmsg_recv_offset), and behind them an error's description.
 */
import { ANY4, type IpAddress } from '../../base/inet-address.ts';
import { ErrorOrigin, type QueuedError } from '../../transport/error-queue.ts';
import type { ReceiveResult } from '../../transport/endpoint.ts';
import { Tell, TELL_IPV4, TELL_IPV6 } from '../../transport/tell.ts';
import { IP, IPV6, SO, SOL, UDP } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';
import { sockaddrBytes } from '../sockaddr.ts';
import type { InetSocket } from './inet.ts';

const EXTENDED_ERROR_LEN = 16;

/** What was received, for a socket that asked for something or reads its errors. */
export function writeInetControl(socket: InetSocket, received: ReceiveResult, writer: ControlWriter): void {
  const { told, error } = received;
  if ((told & Tell.Time) !== 0) putTime(writer, socket.stack.context.loop.environment.epochUs + received.arrivedUs, told);
  if (error !== null) return putError(socket, received, error, writer);
  if ((told & Tell.Lost) !== 0 && received.lost > 0) writer.put(SOL.SOCKET, SO.RXQ_OVFL, ints([received.lost | 0]));
  if (received.segmentBytes !== 0) writer.put(SOL.UDP, UDP.GRO, ints([received.segmentBytes]));
  putFacts(socket, received, writer);
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

/** struct timeval or struct timespec. */
function putTime(writer: ControlWriter, epochUs: number, told: number): void {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const seconds = Math.floor(epochUs / 1e6);
  const us = Math.floor(epochUs - seconds * 1e6);
  const isNano = (told & Tell.Nanoseconds) !== 0;
  view.setUint32(0, seconds, true);
  view.setUint32(4, seconds / 4294967296, true);
  view.setUint32(8, isNano ? us * 1000 : us, true);
  const isNew = (told & Tell.NewTime) !== 0;
  if (isNano) writer.put(SOL.SOCKET, isNew ? SO.TIMESTAMPNS_NEW : SO.TIMESTAMPNS, bytes);
  else writer.put(SOL.SOCKET, isNew ? SO.TIMESTAMP_NEW : SO.TIMESTAMP, bytes);
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
  if ((told & Tell.Destination4) !== 0) {
    writer.put(SOL.IP, IP.ORIGDSTADDR, sockaddrBytes(true, destination, received.destinationPort, 0));
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
  if ((told & Tell.OldInfo6) !== 0) writer.put(SOL.IPV6, IPV6['2292PKTINFO'], info6Bytes(received));
  if ((told & Tell.OldHops6) !== 0) writer.put(SOL.IPV6, IPV6['2292HOPLIMIT'], ints([received.ttl]));
  if ((told & Tell.Destination6) !== 0) {
    const destination = received.destination as IpAddress;
    const scope = destination.needsScope ? received.interfaceIndex : 0;
    writer.put(SOL.IPV6, IPV6.ORIGDSTADDR, sockaddrBytes(false, destination, received.destinationPort, scope));
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
