/**
 * A ping endpoint: echo requests out, the answers to them in, each from its ICMP header on (net/ipv4/ping.c). In all that is
 * not said here it is as a raw one.
 */
import { Mib } from '../../base/counters.ts';
import { Errno } from '../../base/errno.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import type { Device } from '../../link/device.ts';
import type { Packet } from '../../link/packet.ts';
import { packetSum } from '../../link/packet-checksum.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { IcmpType } from '../../wire/icmp.ts';
import { Icmp6Type } from '../../wire/icmp6.ts';
import { IpProto } from '../../wire/ipv4.ts';
import { Msg, type ReceiveResult } from '../endpoint.ts';
import { RawEndpoint } from './endpoint.ts';
import type { SendChoices } from '../send-choices.ts';
import { Tell } from '../tell.ts';
import type { Ping } from './ping.ts';

const HEADER_LEN = 8;
const MAX_LEN = 65535;
const CHECKSUM_AT = 2, ID_AT = 4;
/** RFC 8335's echo request. */
const EXTENDED_ECHO_6 = 160;

export class PingEndpoint extends RawEndpoint {
  private readonly ping: Ping;
  /** bind(2) chose the identifier: disconnecting leaves it. */
  private idFromBind = false;

  constructor(ping: Ping, isV4: boolean) {
    super(ping, isV4, isV4 ? IpProto.Icmp : IpProto.Icmp6);
    this.ping = ping;
    this.localPort = 0;
    this.givesHeader = false;
    // No ping socket of AF_INET6 speaks IPv4 (ping_init_sock).
    this.options.v6Only = !isV4;
  }

  // Naming.

  /** The address has been checked. */
  override bind(address: IpAddress, id: number, scopeId: number): number {
    if (this.localPort !== 0) return -Errno.EINVAL;
    const result = this.ping.bind(this, id);
    if (result < 0) return result;
    this.localAddress = address;
    this.scopeId = scopeId;
    this.idFromBind = id !== 0;
    return 0;
  }

  /** Whoever sends or connects has an identifier, even if nothing comes of it (inet_autobind). */
  autobind(): number {
    if (this.localPort !== 0) return 0;
    return this.ping.bind(this, 0) < 0 ? -Errno.EAGAIN : 0;
  }

  override connect(address: IpAddress, port: number, scopeId: number): number {
    const unbound = this.autobind();
    return unbound < 0 ? unbound : super.connect(address, port, scopeId);
  }

  /** connect(2) with AF_UNSPEC (__udp_disconnect). */
  override disconnect(): number {
    this.forgetPeer();
    if (!this.idFromBind && this.localPort !== 0) {
      this.ping.remove(this);
      this.localPort = 0;
    }
    return 0;
  }

  // Sending.

  /** What is wrong with a message, whoever it is for: 0 or a negative errno (ping_common_sendmsg). */
  checkMessage(from: Uint8Array, at: number, length: number, flags: number): number {
    if (length > MAX_LEN) return -Errno.EMSGSIZE;
    if (length < HEADER_LEN) return -Errno.EINVAL;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    return isEcho(this.isV4, from[at] as number, from[at + 1] as number) ? 0 : -Errno.EINVAL;
  }

  override sendTo(
    from: Uint8Array, at: number, length: number, flags: number, to: IpAddress, protocol: number, scopeId: number,
    choices: SendChoices | null,
  ): number {
    const { values } = this.ping.context.counters;
    const result = super.sendTo(from, at, length, flags, to, protocol, scopeId, choices);
    if (result >= 0) {
      values[this.isV4 ? Mib.IcmpOutMsgs : Mib.Icmp6OutMsgs]++;
      values[this.isV4 ? Mib.IcmpOutEchos : Mib.Icmp6OutEchos]++;
    }
    return result;
  }

  /** Unlike other sockets this one always says so (ping_v4_push_pending_frames). */
  protected override refused(result: number, length: number, isV4: boolean): number {
    super.refused(result, length, isV4);
    return result;
  }

  /** As sock_alloc_send_pskb has it: a pending error first, then whether there is room. */
  protected override roomFor(): number {
    if (this.error !== 0) return -this.takeError();
    if ((this.shut & 2) !== 0) return -Errno.EPIPE;
    return this.sendQueued >= this.options.sendBufferBytes ? this.noRoom() : 0;
  }

  /** The identifier is the socket's, the checksum the kernel's; type, code and sequence number are the program's. */
  protected override complete(p: Packet, source: IpAddress, to: IpAddress, protocol: number): void {
    p.pull(HEADER_LEN);
    const { view, head } = p;
    view.setUint16(head + ID_AT, this.localPort);
    if (!this.isV4) return super.complete(p, source, to, protocol);
    view.setUint16(head + CHECKSUM_AT, 0);
    view.setUint16(head + CHECKSUM_AT, ~packetSum(p, head, 0) & 0xffff);
  }

  // Receiving.

  /** ping_lookup: whom it is connected to does not count. */
  isFor(isV4: boolean, a: number, b: number, c: number, d: number, device: Device | null): boolean {
    if (isV4 !== this.isV4) return false;
    const { localAddress: local, options } = this;
    if (!local.isUnspecified && (local.d !== d || local.a !== a || local.b !== b || local.c !== c)) return false;
    return options.boundDevice === null || options.boundDevice === device;
  }

  /** MSG_TRUNC does not make it return more than it copied (ping_recvmsg). */
  override receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    const n = super.receive(to, at, length, flags & ~Msg.TRUNC, result);
    // It tells neither what was lost nor marks, and IP_PKTINFO no address to answer from.
    result.told &= ~(Tell.Lost | Tell.Mark | Tell.Priority);
    result.answerFrom = null;
    return n;
  }

  // Errors.

  override icmpError(report: IcmpErrorReport): void {
    const { isV4, view, at, mtuBytes } = report;
    if (!isEcho(isV4, view.getUint8(at), view.getUint8(at + 1))) return;
    if (isV4 && mtuBytes > 0 && this.options.mtuDiscover === 0) return;
    const isHard = report.fatal || (isV4 && mtuBytes > 0);
    this.heard(report, isHard && this.remoteAddress !== null, 0);
  }
}

/** ping_supported: the messages that one may send. */
function isEcho(isV4: boolean, type: number, code: number): boolean {
  if (code !== 0) return false;
  return isV4 ? type === IcmpType.Echo || type === IcmpType.ExtendedEcho : type === Icmp6Type.Echo || type === EXTENDED_ECHO_6;
}
