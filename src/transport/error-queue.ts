/**
 * Errors that wait to be read with MSG_ERRQUEUE (IP_RECVERR, IPV6_RECVERR; ip(7)): what an ICMP message said of a packet of
 * ours, or why one was not sent at all. They take room of the receive buffer, as on Linux (sock_queue_err_skb), so whoever
 * never reads them loses the later ones, and memory stays bounded.
 */
import { IpAddress } from '../base/inet-address.ts';
import type { IcmpErrorReport } from '../net/transport-input.ts';
import { Msg, type ReceiveResult } from './endpoint.ts';
import { NO_OPTION } from './rare-options.ts';
import { Tell } from './tell.ts';

/** `ee_origin` of struct sock_extended_err. */
export const ErrorOrigin = { None: 0, Local: 1, Icmp: 2, Icmp6: 3 } as const;
export type ErrorOrigin = (typeof ErrorOrigin)[keyof typeof ErrorOrigin];

export class QueuedError {
  readonly errno: number;
  readonly origin: ErrorOrigin;
  readonly type: number;
  readonly code: number;
  /** The MTU of "too long", the offset of what was wrong, a router's address; 0 for others. */
  readonly info: number;
  /** Where the packet was to go. */
  readonly address: IpAddress;
  readonly port: number;
  /** Who sent the ICMP message; null for a local error. */
  readonly offender: IpAddress | null;
  /** What the ICMP message quotes behind the transport header. */
  readonly payload: Uint8Array;
  readonly truesize: number;
  next: QueuedError | null = null;
  /** Of the ICMP message, for control data: where it came in, whom it was sent to, its TTL and type of service. */
  interfaceIndex = 0;
  destination: IpAddress | null = null;
  ttl = 0;
  tos = 0;
  arrivedUs = 0.5;

  constructor(
    errno: number, origin: ErrorOrigin, type: number, code: number, info: number, address: IpAddress, port: number,
    offender: IpAddress | null, payload: Uint8Array, truesize: number,
  ) {
    this.errno = errno;
    this.origin = origin;
    this.type = type;
    this.code = code;
    this.info = info;
    this.address = address;
    this.port = port;
    this.offender = offender;
    this.payload = payload;
    this.truesize = truesize;
  }

  get isFromIcmp(): boolean {
    return this.origin === ErrorOrigin.Icmp || this.origin === ErrorOrigin.Icmp6;
  }
}

export class ErrorQueue {
  first: QueuedError | null = null;
  private last: QueuedError | null = null;

  push(error: QueuedError): void {
    if (this.last === null) this.first = error;
    else this.last.next = error;
    this.last = error;
  }

  shift(): QueuedError | null {
    const error = this.first;
    if (error === null) return null;
    this.first = error.next;
    if (this.first === null) this.last = null;
    error.next = null;
    return error;
  }
}

/** What an ICMP error becomes in the queue; `headerLen` is the length of the quoted transport header. */
export function queuedIcmpError(report: IcmpErrorReport, headerLen: number, port: number, truesize: number): QueuedError {
  const { packet, isV4 } = report;
  const address = new IpAddress(report.remoteA, report.remoteB, report.remoteC, report.remoteD);
  const offender = new IpAddress(packet.srcA, packet.srcB, packet.srcC, packet.srcD);
  const skip = report.at + headerLen - packet.head;
  const payload = new Uint8Array(Math.max(0, packet.length - skip));
  packet.copyOut(skip, payload, 0, payload.length);
  const origin = isV4 ? ErrorOrigin.Icmp : ErrorOrigin.Icmp6;
  const error = new QueuedError(
    report.errno, origin, report.icmpType, report.icmpCode, report.info, address, port, offender, payload, truesize,
  );
  error.interfaceIndex = packet.device === null ? 0 : packet.device.index;
  error.destination = new IpAddress(report.localA, report.localB, report.localC, report.localD);
  error.ttl = packet.ttl;
  error.tos = packet.tos;
  return error;
}

/** recvmsg(2) with MSG_ERRQUEUE: what `error` says, of which the quoted bytes go to `to`. How many those are. */
export function tellError(
  error: QueuedError, tell: number, to: Uint8Array, at: number, length: number, result: ReceiveResult,
): number {
  const { payload } = error;
  const n = Math.min(length, payload.length);
  to.set(payload.subarray(0, n), at);
  result.datagramLen = payload.length;
  result.flags = n < payload.length ? Msg.ERRQUEUE | Msg.TRUNC : Msg.ERRQUEUE;
  result.address = error.address;
  result.port = error.port;
  result.scopeId = error.address.isLinkLocal ? error.interfaceIndex : 0;
  result.told = tell & ~Tell.PathMtu6;
  result.isV4 = error.address.isV4;
  result.arrivedUs = error.arrivedUs;
  result.header = NO_OPTION;
  result.mark = 0;
  result.priority = 0;
  result.largestFragment = 0;
  result.error = error;
  return n;
}
