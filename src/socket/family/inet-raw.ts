/** Raw sockets of AF_INET and AF_INET6 (raw(7), RFC 3542 section 3). Who makes one needs CAP_NET_RAW (socket/create.ts). */
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import type { Stack } from '../../stack/stack.ts';
import { Msg } from '../../transport/endpoint.ts';
import type { Memberships } from '../../transport/memberships.ts';
import type { RawEndpoint } from '../../transport/raw/raw.ts';
import type { Caller } from '../caller.ts';
import { AF, IOCTL, IPPROTO } from '../constants.ts';
import type { ControlWriter } from '../control.ts';
import type { Received } from '../received.ts';
import { parseSockaddr, sockaddrBytes, sockaddrFamily } from '../sockaddr.ts';
import { type Ancillary, NO_NAME } from '../socket.ts';
import { InetSocket, parsed } from './inet.ts';
import { InetAncillary } from './inet-ancillary.ts';
import { writeInetControl } from './inet-control.ts';
import { getRawOption, setRawOption } from './inet-raw-options.ts';

export class InetRaw extends InetSocket {
  readonly raw: RawEndpoint;

  constructor(stack: Stack, family: number, type: number, protocol: number, raw: RawEndpoint) {
    super(stack, family, type, protocol);
    this.raw = raw;
    raw.upcalls = this;
    // INET_PROTOSW_REUSE.
    raw.options.reuseAddress = true;
  }

  get endpoint(): RawEndpoint {
    return this.raw;
  }

  override bind(address: Uint8Array, caller: Caller): number {
    if (this.isV4) {
      // raw_bind does not look at the family.
      if (address.length < 16) return -Errno.EINVAL;
      return this.raw.bind(IpAddress.fromV4(viewOf(address).getInt32(4)), 0, 0);
    }
    if (address.length < 24 || sockaddrFamily(address) !== AF.INET6) return -Errno.EINVAL;
    if (parseSockaddr(address, parsed) === 0 && parsed.address.isV4) return -Errno.EADDRNOTAVAIL;
    return super.bind(address, caller);
  }

  connect(address: Uint8Array): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) return this.raw.disconnect();
    if (sockaddrFamily(address) !== this.family && !this.isV4) return -Errno.EAFNOSUPPORT;
    const bad = this.parsePeer(address);
    if (bad < 0) return bad;
    // No IPv4 through a raw socket of AF_INET6.
    if (parsed.address.isV4 !== this.isV4) return -Errno.EINVAL;
    return this.raw.connect(parsed.address, parsed.port, parsed.scopeId);
  }

  peerName(): Uint8Array | number {
    const { remoteAddress, remotePort } = this.raw;
    return remoteAddress === null || remotePort === 0 ? -Errno.ENOTCONN : this.remoteName();
  }

  protected override membershipsMade(memberships: Memberships): void {
    this.raw.memberships = memberships;
  }

  // Moving data.

  receive(to: Uint8Array, at: number, length: number, flags: number, result: Received): number {
    return this.raw.receive(to, at, length, flags, result);
  }

  override emptyResult(): number {
    return this.raw.receiveIsShut ? 0 : -Errno.EAGAIN;
  }

  override sourceName({ address, port, scopeId, error }: Received): Uint8Array {
    return address === null ? NO_NAME : sockaddrBytes(this.isV4, address, error === null ? 0 : port, scopeId);
  }

  override writeControl(received: Received, writer: ControlWriter): void {
    if (received.told !== 0 || received.error !== null) writeInetControl(this, received, writer);
  }

  send(from: Uint8Array, at: number, length: number, flags: number): number {
    return this.raw.send(from, at, length, flags);
  }

  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array): number {
    return this.sendWith(from, at, length, flags, address, null, null);
  }

  override prepareAncillary(control: Uint8Array): InetAncillary {
    return new InetAncillary(control.slice());
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, ancillary: Ancillary, caller: Caller,
  ): number {
    const control = ancillary as InetAncillary;
    if (address !== null) return this.sendWith(from, at, length, flags, address, control, caller);
    return this.raw.send(from, at, length, flags, control.read(this, this.isV4, this.raw.scopeId, caller));
  }

  private sendWith(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array, control: InetAncillary | null,
    caller: Caller | null,
  ): number {
    // Over IPv6 that is said first (rawv6_sendmsg).
    if (!this.isV4 && (flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    const protocol = this.parseDestination(address);
    if (protocol < 0) return protocol;
    const { address: to, scopeId } = parsed;
    const choices = control === null ? null : control.read(this, this.isV4, scopeId, caller as Caller);
    return this.raw.sendTo(from, at, length, flags, to, protocol, scopeId, choices);
  }

  /** sendto(2)'s address into `parsed`: the packet's protocol, or a negative errno (raw_sendmsg, rawv6_sendmsg). */
  protected parseDestination(address: Uint8Array): number {
    if (address.length < (this.isV4 ? 16 : 24)) return -Errno.EINVAL;
    const family = sockaddrFamily(address);
    if (family !== AF.UNSPEC && family !== this.family) return -Errno.EAFNOSUPPORT;
    const named = address.slice();
    named[0] = this.family;
    const bad = this.parsePeer(named);
    if (bad < 0) return bad;
    if (this.isV4) return this.protocol;
    // RFC 3542 3: the port means nothing. Linux takes it for the protocol.
    const { port } = parsed;
    const isNone = port === 0 || port === this.protocol;
    if (!isNone && (this.protocol !== IPPROTO.RAW || port > 255)) return -Errno.EINVAL;
    // No IPv4 through a raw socket of AF_INET6: an IPv4-mapped address is one of IPv6 that no route leads to.
    if (parsed.address.isV4) return -Errno.ENETUNREACH;
    return isNone ? this.protocol : port;
  }

  // Options.

  override forgetErrors(): void {
    this.raw.forgetErrors();
  }

  getTransportOption(level: number, option: number, length: number): Uint8Array | number | null {
    return getRawOption(this, level, option, length);
  }

  setTransportOption(level: number, option: number, value: Uint8Array): number | null {
    return setRawOption(this, level, option, value);
  }

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD: return this.raw.nextDatagramLength;
      case IOCTL.SIOCOUTQ: return this.raw.outqBytes;
      default: return -Errno.ENOTTY;
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
