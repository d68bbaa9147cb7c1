/**
 * What a protocol of AF_NETLINK is, and how a datagram of requests is worked off (netlink_rcv_skb): each message is a dump, a
 * question or a change, and is answered by what was asked for, by an acknowledgement when it wants one, or by an error.
 *
 * A protocol is a class that implements `NetlinkProtocol`, a number in `NETLINK_PROTOCOL` (constants.ts) and a line in
 * NetlinkHost's constructor; netlink-route.ts is NETLINK_ROUTE.
 */
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { type NetlinkMessage, type NetlinkWriter, NLM_F, NLMSG, NLMSG_HDRLEN, NLMSGERR_ATTR_MSG, readNetlink } from '../../wire/netlink.ts';
import type { Caller } from '../caller.ts';
import { NETLINK, NETLINK_PROTOCOL } from '../constants.ts';
import type { NetlinkSocket } from './netlink.ts';
import type { Put, Reply } from './netlink-dump.ts';

export interface NetlinkProtocol {
  /** NETLINK_ROUTE ... */
  readonly number: number;
  readonly groupCount: number;
  /** Everybody may hear of its groups, not only CAP_NET_ADMIN (NL_CFG_F_NONROOT_RECV). */
  readonly isForEverybody: boolean;
  /** Everybody may send to sockets of others and to groups (NL_CFG_F_NONROOT_SEND). */
  readonly isFromEverybody: boolean;
  /** False when there is nobody at port 0. */
  readonly hasKernel: boolean;
  /** Does what a message asks, and answers through it: 0, a negative errno, or DUMPING. */
  request(request: NetlinkRequest): number;
  /** Somebody listens to its groups now, or nobody does any more. */
  listen(somebody: boolean): void;
}

/** NETLINK_USERSOCK: programs among themselves. */
export const USER_PROTOCOL: NetlinkProtocol = {
  number: NETLINK_PROTOCOL.USERSOCK, groupCount: 32, isForEverybody: false, isFromEverybody: true, hasKernel: false,
  request: () => 0,
  listen() {},
};

export interface DumpOptions {
  /** NLMSG_DONE comes with the last messages where it fits. */
  readonly endsTogether?: boolean;
  readonly flags?: number;
  readonly error?: number;
}

/** The request was a dump that has begun: the dump is its answer, and there is no acknowledgement. */
const DUMPING = 1;

/** One message that a program sent to the kernel. */
export class NetlinkRequest {
  readonly socket: NetlinkSocket;
  readonly message: NetlinkMessage;
  readonly caller: Caller;
  /** In words why it is refused; for those who set NETLINK_EXT_ACK. */
  reason = '';

  constructor(socket: NetlinkSocket, message: NetlinkMessage, caller: Caller) {
    this.socket = socket;
    this.message = message;
    this.caller = caller;
  }

  /** Whom answers go to. */
  get to(): Reply {
    return { port: this.socket.port, sequence: this.message.sequence };
  }

  /** NETLINK_GET_STRICT_CHK: what a dump's request says has to be right, and limits the dump. */
  get isStrict(): boolean {
    return this.socket.isOn(NETLINK.GET_STRICT_CHK);
  }

  /** An error that says why: the errno, negative. */
  refuse(errno: number, reason: string): number {
    this.reason = reason;
    return -errno;
  }

  /** Answers with one message. */
  reply(put: Put): void {
    const { writer } = this.socket.host;
    put(writer);
    this.socket.deliver(writer.take(), 0);
  }

  /** Answers with many: DUMPING. */
  dump(puts: Iterable<Put>, options: DumpOptions = {}): number {
    const { endsTogether = false, flags = 0, error = 0 } = options;
    const reason = this.socket.isOn(NETLINK.EXT_ACK) ? this.reason : '';
    // One that looks anew for each message holds no list.
    const bytes = Array.isArray(puts) ? puts.length * Cost.DUMPED : 0;
    const { memory } = this.socket.host.stack.context;
    if (!memory.take(bytes)) return -Errno.ENOBUFS;
    this.socket.beginDump({ to: this.to, puts: puts[Symbol.iterator](), bytes, endsTogether, flags, error, reason, rest: null, isOver: false });
    return DUMPING;
  }

  /** A dump that cannot be made is over at once: its end has the error, a negative errno. */
  failedDump(error: number, flags = 0): number {
    return this.dump([], { error, flags });
  }
}

export function receiveRequests(socket: NetlinkSocket, datagram: Uint8Array, caller: Caller): void {
  for (const message of readNetlink(datagram)) {
    const { flags, type } = message;
    const request = new NetlinkRequest(socket, message, caller);
    const result = (flags & NLM_F.REQUEST) === 0 || type < NLMSG.MIN_TYPE ? 0 : socket.kind.request(request);
    if (result < 0 || (result === 0 && (flags & NLM_F.ACK) !== 0)) request.reply((to) => acknowledge(to, request, result));
  }
}

/** netlink_ack: an error quotes the whole message, success and NETLINK_CAP_ACK its header alone. */
function acknowledge(to: NetlinkWriter, { socket, message, reason }: NetlinkRequest, result: number): void {
  const isShort = result === 0 || socket.isOn(NETLINK.CAP_ACK);
  const isTold = reason !== '' && socket.isOn(NETLINK.EXT_ACK);
  to.begin(NLMSG.ERROR, (isShort ? NLM_F.CAPPED : 0) | (isTold ? NLM_F.ACK_TLVS : 0), message.sequence, socket.port).uint32(result);
  to.raw(isShort ? message.bytes.subarray(0, NLMSG_HDRLEN) : message.bytes);
  if (isTold) to.align().attributeText(NLMSGERR_ATTR_MSG, reason);
  to.end();
}
