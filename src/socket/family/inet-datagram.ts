/** Datagram sockets of AF_INET and AF_INET6: UDP. */
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import type { Stack } from '../../stack/stack.ts';
import type { Memberships } from '../../transport/memberships.ts';
import { rareOf } from '../../transport/rare-options.ts';
import { ChosenHeaders, SendChoices } from '../../transport/send-choices.ts';
import type { UdpEndpoint } from '../../transport/udp/udp.ts';
import type { Caller } from '../caller.ts';
import { AF, IOCTL, IPPROTO, UDP } from '../constants.ts';
import type { ControlWriter } from '../control.ts';
import { intBytes, readInt } from '../option-bytes.ts';
import type { Received } from '../received.ts';
import { sockaddrBytes, sockaddrFamily } from '../sockaddr.ts';
import { type Ancillary, NO_NAME } from '../socket.ts';
import { InetSocket, parsed } from './inet.ts';
import { InetAncillary } from './inet-ancillary.ts';
import { writeInetControl } from './inet-control.ts';

/** `parseDestination` of an address that is none. */
const NO_DESTINATION = 1;

/** IPV6_FLOWINFO_FLOWLABEL, and the same with the traffic class. */
const FLOW_LABEL = 0xfffff, FLOW_INFO = 0xfffffff;

export class InetDatagram extends InetSocket {
  readonly udp: UdpEndpoint;

  constructor(stack: Stack, family: number, type: number, protocol: number, udp: UdpEndpoint) {
    super(stack, family, type, protocol);
    this.udp = udp;
    udp.upcalls = this;
  }

  get endpoint(): UdpEndpoint {
    return this.udp;
  }

  connect(address: Uint8Array): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) return this.udp.disconnect();
    // It has a port from here on, even if it gets no peer (inet_dgram_connect).
    const unbound = this.udp.autobind();
    if (unbound < 0) return -Errno.EAGAIN;
    const bad = this.parsePeer(address);
    if (bad < 0) return bad;
    const { flowInfo } = parsed;
    const result = this.udp.connect(parsed.address, parsed.port, parsed.scopeId);
    if (result === 0 && this.options.rare.flowInfoSend) {
      const rare = rareOf(this.options);
      rare.flowLabel = flowInfo & FLOW_LABEL;
      rare.peerFlowInfo = flowInfo & FLOW_INFO;
    }
    return result;
  }

  peerName(): Uint8Array | number {
    const { remoteAddress, remotePort } = this.udp;
    if (remoteAddress === null || remotePort === 0) return -Errno.ENOTCONN;
    const name = this.remoteName();
    const { rare } = this.settledOptions;
    if (!this.isV4 && rare.flowInfoSend) new DataView(name.buffer, name.byteOffset).setInt32(4, rare.peerFlowInfo);
    return name;
  }

  protected override membershipsMade(memberships: Memberships): void {
    this.udp.memberships = memberships;
  }

  // Moving data.

  receive(to: Uint8Array, at: number, length: number, flags: number, result: Received): number {
    return this.udp.receive(to, at, length, flags, result);
  }

  override emptyResult(): number {
    return this.udp.receiveIsShut ? 0 : -Errno.EAGAIN;
  }

  override sourceName({ address, port, scopeId }: Received): Uint8Array {
    return address === null ? NO_NAME : sockaddrBytes(this.isV4, address, port, scopeId);
  }

  send(from: Uint8Array, at: number, length: number, flags: number): number {
    return this.udp.send(from, at, length, flags);
  }

  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array): number {
    const known = this.parseDestination(address);
    if (known < 0) return known;
    if (known === NO_DESTINATION) return this.udp.send(from, at, length, flags);
    return this.udp.sendTo(from, at, length, flags, parsed.address, parsed.port, parsed.scopeId, flowOf(this, null));
  }

  /** sendto(2)'s address into `parsed`: 0, NO_DESTINATION, or a negative errno. */
  private parseDestination(address: Uint8Array): number {
    const unbound = this.udp.autobind();
    if (unbound < 0) return unbound;
    if (sockaddrFamily(address) === AF.UNSPEC && address.length >= 2) {
      // Linux: AF_INET takes it for AF_INET, AF_INET6 for "no address" (udp_sendmsg, udpv6_sendmsg).
      if (!this.isV4) return NO_DESTINATION;
      if (address.length < 16) return -Errno.EINVAL;
      const view = new DataView(address.buffer, address.byteOffset);
      parsed.address = IpAddress.fromV4(view.getInt32(4));
      parsed.port = view.getUint16(2);
      parsed.scopeId = 0;
      return 0;
    }
    const bad = this.parsePeer(address);
    // sendto(2) words a wrong family otherwise than connect(2) does (udpv6_sendmsg).
    if (bad !== -Errno.EAFNOSUPPORT || this.isV4) return bad;
    return parsed.family === AF.INET ? -Errno.ENETUNREACH : -Errno.EINVAL;
  }

  override prepareAncillary(control: Uint8Array): InetAncillary {
    return new InetAncillary(control.slice());
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, ancillary: Ancillary, caller: Caller,
  ): number {
    const { udp } = this;
    const known = address === null ? NO_DESTINATION : this.parseDestination(address);
    if (known < 0) return known;
    const { address: to, port, scopeId } = parsed;
    if (known === NO_DESTINATION) {
      const { remoteAddress } = udp;
      const choices = (ancillary as InetAncillary).read(this, remoteAddress !== null && remoteAddress.isV4, udp.scopeId, caller);
      return udp.send(from, at, length, flags, choices);
    }
    const choices = flowOf(this, (ancillary as InetAncillary).read(this, to.isV4, scopeId, caller));
    return udp.sendTo(from, at, length, flags, to, port, scopeId, choices);
  }

  override writeControl(received: Received, writer: ControlWriter): void {
    if (received.told !== 0 || received.segmentBytes !== 0 || received.error !== null) writeInetControl(this, received, writer);
  }

  // Options.

  override forgetErrors(): void {
    this.udp.forgetErrors();
  }

  getTransportOption(level: number, option: number, length: number): Uint8Array | number | null {
    if (level !== IPPROTO.UDP) return null;
    if (length < 0) return -Errno.EINVAL;
    const { rare } = this.settledOptions;
    switch (option) {
      case UDP.CORK: return intBytes(this.udp.corked ? 1 : 0, length);
      case UDP.NO_CHECK6_TX: return intBytes(rare.noChecksum6Out ? 1 : 0, length);
      case UDP.NO_CHECK6_RX: return intBytes(rare.noChecksum6In ? 1 : 0, length);
      case UDP.SEGMENT: return intBytes(this.udp.segmentBytes, length);
      case UDP.GRO: return intBytes(this.udp.takesSegments ? 1 : 0, length);
      default: return -Errno.ENOPROTOOPT;
    }
  }

  setTransportOption(level: number, option: number, value: Uint8Array): number | null {
    if (level !== IPPROTO.UDP) return null;
    if (value.length < 4) return -Errno.EINVAL;
    const number = readInt(value);
    const on = number !== 0;
    switch (option) {
      case UDP.CORK: this.udp.setCork(on); return 0;
      case UDP.NO_CHECK6_TX: rareOf(this.options).noChecksum6Out = on; return 0;
      case UDP.NO_CHECK6_RX: rareOf(this.options).noChecksum6In = on; return 0;
      case UDP.SEGMENT:
        if (number < 0 || number > 0xffff) return -Errno.EINVAL;
        this.udp.segmentBytes = number;
        return 0;
      case UDP.GRO: this.udp.takesSegments = on; return 0;
      default: return -Errno.ENOPROTOOPT;
    }
  }

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD: return this.udp.nextDatagramLength;
      case IOCTL.SIOCOUTQ: return this.udp.outqBytes;
      default: return -Errno.ENOTTY;
    }
  }
}

/** With IPV6_FLOWINFO_SEND an address names the flow label of what is sent there (RFC 3542 leaves it open; ipv6(7)). */
function flowOf({ isV4, settledOptions }: InetDatagram, choices: SendChoices | null): SendChoices | null {
  const { rare } = settledOptions;
  const label = parsed.flowInfo & FLOW_LABEL;
  if (isV4 || !rare.flowInfoSend || label === 0) return choices;
  const chosen = choices ?? new SendChoices();
  chosen.headers ??= new ChosenHeaders(rare);
  chosen.headers.flowLabel = label;
  return chosen;
}
