/**
 * Ping sockets: SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6 (icmp(7)). Who may have one is a matter of groups
 * (`mayPing`, socket/create.ts).
 */
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import type { Stack } from '../../stack/stack.ts';
import type { PingEndpoint } from '../../transport/raw/ping.ts';
import type { Caller } from '../caller.ts';
import { AF } from '../constants.ts';
import { parseSockaddr, sockaddrFamily } from '../sockaddr.ts';
import type { Ancillary } from '../socket.ts';
import { parsed } from './inet.ts';
import { InetRaw } from './inet-raw.ts';

export class InetPing extends InetRaw {
  readonly ping: PingEndpoint;

  constructor(stack: Stack, family: number, type: number, protocol: number, ping: PingEndpoint) {
    super(stack, family, type, protocol, ping);
    this.ping = ping;
  }

  /** ping_check_bind_addr, ping_bind. Identifiers below 1024 are everybody's. */
  override bind(address: Uint8Array, _caller: Caller): number {
    const bad = this.isV4 ? this.parseOwn4(address) : this.parseOwn6(address);
    return bad < 0 ? bad : this.ping.bind(parsed.address, parsed.port, parsed.scopeId);
  }

  private parseOwn4(address: Uint8Array): number {
    if (address.length < 16) return -Errno.EINVAL;
    const view = new DataView(address.buffer, address.byteOffset);
    const word = view.getInt32(4);
    const family = sockaddrFamily(address);
    if (family !== AF.INET && !(family === AF.UNSPEC && word === 0)) return -Errno.EAFNOSUPPORT;
    parsed.address = IpAddress.fromV4(word);
    parsed.port = view.getUint16(2);
    parsed.scopeId = 0;
    if (word === 0) return 0;
    const isGroup = parsed.address.isMulticast || parsed.address.isBroadcast;
    return isGroup || !this.mayBind(parsed.address) ? -Errno.EADDRNOTAVAIL : 0;
  }

  private parseOwn6(address: Uint8Array): number {
    if (address.length < 28) return -Errno.EINVAL;
    if (sockaddrFamily(address) !== AF.INET6) return -Errno.EAFNOSUPPORT;
    parseSockaddr(address, parsed);
    const { stack } = this;
    const { address: own, scopeId } = parsed;
    if (own.isMulticast || own.isV4 || (own.needsScope && scopeId === 0)) return -Errno.EINVAL;
    const device = scopeId === 0 ? null : stack.deviceAt(scopeId);
    if (scopeId !== 0 && device === null) return -Errno.ENODEV;
    if (!own.isUnspecified && !this.mayBind(own)) return -Errno.EADDRNOTAVAIL;
    if (own.needsScope) this.options.boundDevice = device;
    return 0;
  }

  override connect(address: Uint8Array): number {
    if (address.length >= 2 && sockaddrFamily(address) !== AF.UNSPEC) {
      const unbound = this.ping.autobind();
      if (unbound < 0) return unbound;
    }
    return super.connect(address);
  }

  // Moving data: an identifier first, then what is wrong with the message, then whom it is for.

  override send(from: Uint8Array, at: number, length: number, flags: number): number {
    return this.prepare(from, at, length, flags) ?? super.send(from, at, length, flags);
  }

  override sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array): number {
    return this.prepare(from, at, length, flags) ?? super.sendTo(from, at, length, flags, address);
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, ancillary: Ancillary, caller: Caller,
  ): number {
    return this.prepare(from, at, length, flags) ?? super.sendMessage(from, at, length, flags, address, ancillary, caller);
  }

  private prepare(from: Uint8Array, at: number, length: number, flags: number): number | null {
    const unbound = this.ping.autobind();
    const result = unbound < 0 ? unbound : this.ping.checkMessage(from, at, length, flags);
    return result < 0 ? result : null;
  }

  protected override parseDestination(address: Uint8Array): number {
    if (address.length < (this.isV4 ? 16 : 28)) return -Errno.EINVAL;
    if (sockaddrFamily(address) !== this.family) return -Errno.EAFNOSUPPORT;
    const bad = this.parsePeer(address);
    if (bad < 0) return bad === -Errno.ENETUNREACH ? -Errno.EINVAL : bad;
    const isAnywhere = parsed.address.needsScope && parsed.scopeId === 0 && this.settledOptions.boundDevice === null;
    return isAnywhere ? -Errno.EINVAL : this.protocol;
  }

  // Options: none of its own.

  override getTransportOption(_level: number, _option: number, _length: number): null {
    return null;
  }

  override setTransportOption(_level: number, _option: number, _value: Uint8Array): null {
    return null;
  }

  override control(_request: number): number {
    return -Errno.ENOTTY;
  }
}
