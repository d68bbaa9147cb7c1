/**
 * NETLINK_SOCK_DIAG (sock_diag(7); Linux's net/core/sock_diag.c is the reference): which sockets a host has, all of a kind or
 * one. What ss(8) asks. Each family has its own file: netlink-diag-inet.ts, netlink-diag-unix.ts, netlink-diag-packet.ts.
 */
import { Errno } from '../../base/errno.ts';
import type { Stack } from '../../stack/stack.ts';
import { NO_COOKIE, SOCK_DESTROY, SOCK_DIAG_BY_FAMILY } from '../../wire/sock-diag.ts';
import { AF, NETLINK_PROTOCOL } from '../constants.ts';
import { diagnoseInet } from './netlink-diag-inet.ts';
import { diagnosePackets } from './netlink-diag-packet.ts';
import { diagnoseUnix } from './netlink-diag-unix.ts';
import type { NetlinkProtocol, NetlinkRequest } from './netlink-protocol.ts';
import type { PacketHost } from './packet-host.ts';
import type { UnixHost } from './unix-host.ts';

/** Groups that hear of sockets that are destroyed (SKNLGRP_): nothing is ever told here. */
const GROUPS = 4;
const LEAST_BODY = 2;

export class DiagProtocol implements NetlinkProtocol {
  readonly number = NETLINK_PROTOCOL.SOCK_DIAG;
  readonly groupCount = GROUPS;
  readonly isForEverybody = true;
  readonly isFromEverybody = false;
  readonly hasKernel = true;
  private readonly stack: Stack;
  private readonly unix: UnixHost;
  private readonly packet: PacketHost;

  constructor(stack: Stack, unix: UnixHost, packet: PacketHost) {
    this.stack = stack;
    this.unix = unix;
    this.packet = packet;
  }

  /** sock_diag_rcv_msg. */
  request(request: NetlinkRequest): number {
    const { type, body } = request.message;
    if (type !== SOCK_DIAG_BY_FAMILY && type !== SOCK_DESTROY) return -Errno.EINVAL;
    if (body.length < LEAST_BODY) return -Errno.EINVAL;
    const family = body[0] as number;
    if (family >= AF.MAX) return -Errno.EINVAL;
    const isKnown = family === AF.INET || family === AF.INET6 || family === AF.UNIX || family === AF.PACKET;
    if (!isKnown) return -Errno.ENOENT;
    // As a kernel without INET_DIAG_DESTROY.
    if (type === SOCK_DESTROY) return -Errno.EOPNOTSUPP;
    if (family === AF.UNIX) return diagnoseUnix(this.unix, request);
    return family === AF.PACKET ? diagnosePackets(this.packet, request) : diagnoseInet(this.stack, request);
  }

  listen(): void {}
}

/** 0, or -ESTALE when another socket was meant (sock_diag_check_cookie). */
export function checkCookie(stack: Stack, socket: object, [low, high]: readonly [number, number]): number {
  if (low === NO_COOKIE && high === NO_COOKIE) return 0;
  return low === stack.cookieOf(socket) && high === 0 ? 0 : -Errno.ESTALE;
}
