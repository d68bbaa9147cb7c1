/**
 * AF_PACKET (packet(7); Linux's net/packet/af_packet.c is the reference): frames as devices send and receive them, whole
 * (SOCK_RAW) or without their link header (SOCK_DGRAM).
 *
 *   in:   device -> PacketHost.frame -> frameSeen -> FrameQueue -> wake
 *   out:  send, sendTo -> sendFrame -> device.transmit
 *
 * A frame is shown as the device had it: a segment to be cut later is whole, a checksum to be completed later is not there
 * yet, and PACKET_AUXDATA says so (TP_STATUS_CSUMNOTREADY).
 */
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { Poll } from '../../base/wait-queue.ts';
import { PacketFacts } from '../../bpf/ancillary.ts';
import type { Device } from '../../link/device.ts';
import { ChecksumState, type Packet, type PacketOwner, takePacket } from '../../link/packet.ts';
import { isDatagrams } from '../../link/segment.ts';
import { ETHERNET_HEADER_LEN, VLAN_TAG_LEN } from '../../wire/ethernet.ts';
import { Msg, SocketOptions } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import type { Caller } from '../caller.ts';
import { AF, ETH_P, IOCTL, PACKET, PACKET_TYPE, SO, SOCK, SOL, TP_STATUS } from '../constants.ts';
import type { ControlWriter } from '../control.ts';
import { intBytes } from '../option-bytes.ts';
import type { Received } from '../received.ts';
import { NO_NAME, Socket } from '../socket.ts';
import { SocketFilter } from '../socket-filter.ts';
import { getTold, setTold } from './inet-tell-options.ts';
import { familyOf, hardwareType, MAC_LEN, macBytes, SLL_ADDR, SOCKADDR_LL_LEN, sockaddrLl } from './packet-address.ts';
import { type FrameView, isVlan, type PacketHost } from './packet-host.ts';
import { Memberships } from './packet-memberships.ts';
import { getPacketOption, setPacketOption } from './packet-options.ts';
import { FrameQueue, frameTruesize, type SeenFrame, takeSeenFrame } from './packet-queue.ts';
import { putMessageFacts } from './time-control.ts';

const RECEIVE_FLAGS = Msg.PEEK | Msg.DONTWAIT | Msg.TRUNC | Msg.ERRQUEUE;
/** What is linear of a frame that is sent: the headers that whoever receives it looks at. */
const LINEAR_BYTES = 128;

/** Filled per frame that a filter looks at. */
const facts = new PacketFacts();

export class PacketSocket extends Socket implements PacketOwner {
  readonly host: PacketHost;
  readonly options: SocketOptions = new SocketOptions();
  readonly memberships: Memberships;
  /** The protocol that it wants, in host order: ETH_P_ALL for every one, 0 for none. */
  listensTo: number;
  /** The interface that it is bound to: 0 for all, -1 when it is gone. */
  private boundIndex = 0;
  private isHooked = false;
  private error = 0;
  private readonly queue: FrameQueue;
  private readonly filter: SocketFilter;
  /** Bytes of memory of what was sent and has not left the device (sk_wmem_alloc). */
  private sendCharged = 0;
  // Options of SOL_PACKET.
  wantsAuxiliary = false;
  originalDevice = false;
  ignoresOutgoing = false;
  version = 0;
  copyThreshold = 0;
  /** PACKET_STATISTICS, since it was last read. */
  packets = 0;
  drops = 0;
  /** All of them (sk_drops). */
  private lost = 0;

  constructor(host: PacketHost, type: number, protocol: number) {
    super(host.stack, AF.PACKET, type, 0);
    this.host = host;
    this.memberships = new Memberships(host.network);
    this.listensTo = protocol;
    this.queue = new FrameQueue(host.context);
    this.options.sendBufferBytes = host.stack.settings.wmemDefault;
    this.options.receiveBufferBytes = host.stack.settings.rmemDefault;
    host.add(this);
    this.filter = new SocketFilter(host.context.memory);
    host.context.memory.hold(Cost.ENDPOINT);
    this.listenIfWanted();
  }

  // Which frames.

  private listenIfWanted(): void {
    if (this.isHooked || this.listensTo === 0) return;
    this.isHooked = true;
    this.host.listen(this);
  }

  private stopListening(): void {
    if (!this.isHooked) return;
    this.isHooked = false;
    this.host.stopListening(this);
  }

  /** bind(2): an interface (0: all) and a protocol (0: the one that it has) (packet_do_bind). */
  bind(address: Uint8Array): number {
    if (address.length < SOCKADDR_LL_LEN || familyOf(address) !== AF.PACKET) return -Errno.EINVAL;
    const view = new DataView(address.buffer, address.byteOffset, address.length);
    const protocol = view.getUint16(2) || this.listensTo;
    const index = view.getInt32(4, true);
    const device = index === 0 ? null : this.host.network.deviceAt(index);
    if (index !== 0 && device === null) return -Errno.ENODEV;
    return this.bindTo(device, index, protocol);
  }

  protected bindTo(device: Device | null, index: number, protocol: number): number {
    if (protocol === this.listensTo && index === this.boundIndex) return 0;
    this.stopListening();
    this.listensTo = protocol;
    this.boundIndex = index;
    if (protocol === 0) return 0;
    if (device === null || device.up) this.listenIfWanted();
    else this.fail(Errno.ENETDOWN);
    return 0;
  }

  localName(): Uint8Array {
    const { boundIndex } = this;
    const device = this.boundDevice;
    const name = sockaddrLl({
      protocol: this.listensTo, index: boundIndex,
      ...(device === null ? {} : { hardware: hardwareType(device), address: macBytes(device) }),
    });
    return name.subarray(0, device === null ? SLL_ADDR : SLL_ADDR + MAC_LEN);
  }

  // What /proc/net/packet and packet_diag tell.

  get interfaceIndex(): number {
    return this.boundIndex;
  }

  get isRunning(): boolean {
    return this.isHooked;
  }

  /** sk_rmem_alloc. */
  get receiveCharged(): number {
    return this.queue.charged;
  }

  /** sk_wmem_alloc. */
  get sentCharged(): number {
    return this.sendCharged;
  }

  protected get boundDevice(): Device | null {
    return this.boundIndex <= 0 ? null : this.host.network.deviceAt(this.boundIndex);
  }

  peerName(): number {
    return -Errno.EOPNOTSUPP;
  }

  connect(): number {
    return -Errno.EOPNOTSUPP;
  }

  shutdown(): number {
    return -Errno.EOPNOTSUPP;
  }

  deviceChanged(device: Device): void {
    if (device.index !== this.boundIndex) return;
    if (device.up) this.listenIfWanted();
    else if (this.isHooked) {
      this.stopListening();
      this.fail(Errno.ENETDOWN);
    }
  }

  deviceGone(device: Device): void {
    this.memberships.forget(device);
    if (device.index !== this.boundIndex) return;
    this.stopListening();
    this.boundIndex = -1;
    this.fail(Errno.ENETDOWN);
  }

  private fail(errno: number): void {
    this.error = errno;
    this.wake(Poll.ERR);
  }

  // Receiving.

  seesOutgoing(sender: PacketSocket | null): boolean {
    return this.listensTo === ETH_P.ALL && !this.ignoresOutgoing && sender !== this;
  }

  /** A frame of the wanted protocol, head at its Ethernet header (packet_rcv). Borrows both. */
  frameSeen(device: Device, p: Packet, seen: FrameView): void {
    if (this.boundIndex !== 0 && this.boundIndex !== device.index) return;
    // A card takes in what is for others only when it is told to (IFF_PROMISC).
    if (seen.packetType === PACKET_TYPE.OTHERHOST && device.promiscuity === 0 && !device.isLoopback) return;
    const skip = this.type === SOCK.DGRAM ? ETHERNET_HEADER_LEN : 0;
    if (seen.vlanProtocol === 0) {
      this.takeIn(device, p, false, skip, seen);
      return;
    }
    const untagged = p.clone();
    untagged.bytes.copyWithin(p.head + VLAN_TAG_LEN, p.head, p.head + 2 * MAC_LEN);
    untagged.head += VLAN_TAG_LEN;
    this.takeIn(device, untagged, true, skip, seen);
  }

  /** Takes over `p` when it is a copy already, borrows it otherwise. */
  private takeIn(device: Device, p: Packet, isCopy: boolean, skip: number, seen: FrameView): void {
    const whole = p.length - skip;
    const isFiltered = this.filter.program !== null;
    const kept = isFiltered ? this.runFilter(device, p, skip, seen) : whole;
    // Nothing to keep is no frame either: what has only a header never comes to SOCK_DGRAM.
    const isRefused = kept === 0;
    const isFull = this.queue.charged >= this.options.receiveBufferBytes || this.queue.lacksMemory;
    if (isRefused || isFull) {
      if (!isRefused) {
        this.drops++;
        this.lost++;
      }
      if (isCopy) p.release();
      return;
    }
    const copy = isCopy ? p : p.clone();
    copy.trimFront(skip);
    if (kept < whole) copy.trimTo(kept);
    const frame = takeSeenFrame();
    frame.packet = copy;
    frame.wholeLength = whole;
    frame.interfaceIndex = device.index;
    frame.hardwareType = hardwareType(device);
    frame.protocol = seen.protocol;
    frame.packetType = seen.packetType;
    frame.sourceHi = seen.sourceHi;
    frame.sourceLo = seen.sourceLo;
    frame.networkAt = ETHERNET_HEADER_LEN - skip;
    frame.status = TP_STATUS.USER | checksumStatus(p, seen.packetType);
    frame.vlanTag = seen.vlanTag;
    frame.vlanProtocol = seen.vlanProtocol;
    if (seen.packetType === PACKET_TYPE.OUTGOING && skip > 0 && isVlan(seen.protocol)) readTag(frame);
    // Of a VLAN that has no interface here: for others, to all who look after ETH_P_ALL did (__netif_receive_skb_core).
    else if (this.listensTo !== ETH_P.ALL && (seen.vlanTag & 0xfff) !== 0) frame.packetType = PACKET_TYPE.OTHERHOST;
    frame.truesize = frameTruesize(whole + skip);
    const { tell } = this.options;
    frame.arrivedUs = (tell & Tell.Time) !== 0 ? this.host.context.loop.now : 0;
    frame.lost = (tell & Tell.Lost) !== 0 ? this.lost : 0;
    this.queue.put(frame);
    this.packets++;
    this.wake(Poll.IN | Poll.RDNORM);
  }

  private runFilter(device: Device, p: Packet, skip: number, seen: FrameView): number {
    const whole = p.length - skip;
    facts.length = whole;
    facts.dataAt = skip;
    facts.linkAt = 0;
    facts.networkAt = ETHERNET_HEADER_LEN;
    facts.protocol = seen.protocol;
    facts.packetType = seen.packetType;
    facts.interfaceIndex = device.index;
    facts.hardwareType = hardwareType(device);
    facts.vlanTag = seen.vlanTag;
    facts.vlanTagPresent = seen.vlanProtocol !== 0;
    facts.vlanProtocol = seen.vlanProtocol;
    facts.random = this.host.context.random;
    const kept = (this.filter.program as NonNullable<SocketFilter['program']>).run(p, facts);
    return kept < whole ? kept : whole;
  }

  receive(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    received.flags = 0;
    if ((flags & ~RECEIVE_FLAGS) !== 0) return -Errno.EINVAL;
    if ((flags & Msg.ERRQUEUE) !== 0) return -Errno.EAGAIN;
    if (this.error !== 0) return -this.takeError();
    const frame = this.queue.first;
    if (frame === null) return -Errno.EAGAIN;
    const packet = frame.packet as Packet;
    const whole = packet.length;
    const n = packet.copyOut(0, to, at, length < whole ? length : whole);
    if (n < whole) received.flags |= Msg.TRUNC;
    received.datagramLen = whole;
    received.name = this.sourceOf(frame);
    received.auxiliary = this.wantsAuxiliary ? auxiliaryOf(frame, whole) : null;
    received.told = this.options.tell;
    if (received.told !== 0) this.tellOf(frame, received);
    if ((flags & Msg.PEEK) === 0) this.queue.dropFirst();
    return (flags & Msg.TRUNC) !== 0 ? whole : n;
  }

  /** The address that recvfrom(2) tells. */
  protected sourceOf(frame: SeenFrame): Uint8Array {
    return sourceOf(frame);
  }

  /** What came before times were asked for is told the present (__sock_recv_timestamp). */
  private tellOf(frame: SeenFrame, received: Received): void {
    const { mark, priority } = frame.packet as Packet;
    received.arrivedUs = frame.arrivedUs > 0 ? frame.arrivedUs : this.host.context.loop.now;
    received.lost = frame.lost;
    received.mark = mark;
    received.priority = priority;
  }

  override sourceName({ name }: Received): Uint8Array {
    return name ?? NO_NAME;
  }

  override writeControl(received: Received, writer: ControlWriter): void {
    const { auxiliary } = received;
    putMessageFacts(received, this.host.context.loop.environment.epochUs, writer);
    if (auxiliary === null) return;
    if (writer.hasBuffer) writer.put(SOL.PACKET, PACKET.AUXDATA, auxiliary);
    else writer.truncated();
  }

  // Sending.

  send(from: Uint8Array, at: number, length: number): number {
    return this.sendFrame(from, at, length, this.boundDevice, this.listensTo, null);
  }

  /** packet_snd: the address names the interface, the protocol, and for SOCK_DGRAM whom the frame is for. */
  sendTo(from: Uint8Array, at: number, length: number, _flags: number, address: Uint8Array, _caller: Caller): number {
    if (address.length === 0) return this.send(from, at, length);
    if (address.length < SOCKADDR_LL_LEN || address.length < SLL_ADDR + (address[SLL_ADDR - 1] as number)) return -Errno.EINVAL;
    const view = new DataView(address.buffer, address.byteOffset, address.length);
    const device = this.host.network.deviceAt(view.getInt32(4, true));
    return this.sendFrame(from, at, length, device, view.getUint16(2), address);
  }

  protected sendFrame(
    from: Uint8Array, at: number, length: number, device: Device | null, protocol: number, address: Uint8Array | null,
  ): number {
    if (device === null) return -Errno.ENXIO;
    if (!device.up) return -Errno.ENETDOWN;
    const isRaw = this.type !== SOCK.DGRAM;
    if (isRaw && length < ETHERNET_HEADER_LEN) return -Errno.EINVAL;
    if (length > device.mtuBytes + (isRaw ? ETHERNET_HEADER_LEN + tagLength(from, at) : 0)) return -Errno.EMSGSIZE;
    if (this.sendCharged >= this.options.sendBufferBytes) return -Errno.EAGAIN;
    // Without an address nobody knows whom it is for; on loopback that does not matter (eth_header).
    if (!isRaw && address === null && !device.isLoopback) return -Errno.EINVAL;
    const p = takePacket();
    p.addBytes(from, at, length, this.host.context.writer);
    if (isRaw) p.pull(length < LINEAR_BYTES ? length : LINEAR_BYTES);
    else writeHeader(p, device, protocol, length, address);
    p.l2 = p.head;
    p.l3 = p.head + ETHERNET_HEADER_LEN;
    p.truesize = frameTruesize(length + (isRaw ? 0 : ETHERNET_HEADER_LEN));
    p.owner = this;
    p.mark = this.options.mark;
    p.priority = this.options.priority;
    this.sendCharged += p.truesize;
    const { host } = this;
    host.sender = this;
    // SOCK_PACKET alone leaves none where none was given (packet_parse_headers).
    const isOpen = (protocol === 0 && this.type !== SOCK.PACKET) || (protocol === ETH_P.ALL && this.type === SOCK.RAW);
    host.sentProtocol = isOpen ? -1 : protocol;
    device.transmit(p);
    host.sender = null;
    return length;
  }

  /** A frame of ours has left its device, or is gone. */
  released(truesize: number): void {
    this.sendCharged -= truesize;
    if (!this.empty && this.isWritable) this.wake(Poll.OUT | Poll.WRNORM | Poll.WRBAND);
  }

  /** sock_writeable. */
  private get isWritable(): boolean {
    return this.sendCharged < this.options.sendBufferBytes >> 1;
  }

  // Options.

  get settledOptions(): SocketOptions {
    return this.options;
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  override memory(): number[] {
    return [this.queue.charged, this.receiveBufferBytes, this.sendCharged, this.sendBufferBytes, 0, 0, 0, 0, this.lost];
  }

  override keepError(errno: number): void {
    this.error = errno;
  }

  getLevelOption(level: number, option: number, length: number): Uint8Array | number {
    return level === SOL.PACKET ? getPacketOption(this, option, length) : -Errno.ENOPROTOOPT;
  }

  setLevelOption(level: number, option: number, value: Uint8Array): number {
    return level === SOL.PACKET ? setPacketOption(this, option, value) : -Errno.ENOPROTOOPT;
  }

  override attachFilter(program: Uint8Array): number {
    return this.filter.attach(program);
  }

  override getSocketOption(option: number, length: number): Uint8Array | number | null {
    return option === SO.LOCK_FILTER ? intBytes(this.filter.isLocked ? 1 : 0, length) : getTold(this.options, option, length);
  }

  override setSocketOption(option: number, value: number): number | null {
    switch (option) {
      case SO.DETACH_FILTER: return this.filter.detach();
      case SO.LOCK_FILTER: return this.filter.lock(value !== 0);
      // sk_is_inet alone shares ports.
      case SO.REUSEPORT: return value !== 0 ? -Errno.EOPNOTSUPP : null;
      default: return setTold(this.options, option, value !== 0);
    }
  }

  // FileOperations.

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD: return this.queue.first === null ? 0 : (this.queue.first.packet as Packet).length;
      case IOCTL.SIOCOUTQ: return this.sendCharged;
      default: return -Errno.ENOTTY;
    }
  }

  readiness(): number {
    let mask = 0;
    if (this.error !== 0) mask |= Poll.ERR;
    if (this.queue.first !== null) mask |= Poll.IN | Poll.RDNORM;
    if (this.isWritable) mask |= Poll.OUT | Poll.WRNORM | Poll.WRBAND;
    return mask;
  }

  release(): void {
    this.stopListening();
    this.memberships.clear();
    this.queue.clear();
    this.filter.drop();
    this.host.remove(this);
    this.host.context.memory.letGo(Cost.ENDPOINT);
  }
}

/** A frame with a VLAN tag may be longer by the tag (packet_extra_vlan_len_allowed). */
function tagLength(from: Uint8Array, at: number): number {
  return ((from[at + 12] as number) << 8 | (from[at + 13] as number)) === ETH_P.VLAN ? VLAN_TAG_LEN : 0;
}

/** eth_header: the two protocols that are none are written as a length. */
function writeHeader(p: Packet, device: Device, protocol: number, length: number, address: Uint8Array | null): void {
  const linear = p.put(ETHERNET_HEADER_LEN);
  if (address !== null) p.bytes.set(address.subarray(SLL_ADDR, SLL_ADDR + MAC_LEN), linear);
  else p.bytes.fill(0, linear, linear + MAC_LEN);
  p.view.setUint16(linear + 6, device.macHi);
  p.view.setInt32(linear + 8, device.macLo);
  const isLength = protocol === ETH_P.ETH_802_3 || protocol === ETH_P.ETH_802_2;
  p.view.setUint16(linear + 12, isLength ? length : protocol);
  p.pull(length < LINEAR_BYTES ? ETHERNET_HEADER_LEN + length : LINEAR_BYTES);
}

/**
 * The tag of a frame that leaves is still in it: without the link header nobody could tell what follows, so that address and
 * auxiliary data say it (vlan_get_protocol_dgram).
 */
function readTag(frame: SeenFrame): void {
  const packet = frame.packet as Packet;
  if (!packet.pull(VLAN_TAG_LEN)) return;
  const { view, head } = packet;
  frame.vlanTag = view.getUint16(head);
  frame.vlanProtocol = frame.protocol;
  frame.protocol = view.getUint16(head + 2);
}

function checksumStatus(p: Packet, packetType: number): number {
  const gso = p.gsoSize === 0 || isDatagrams(p) ? 0 : TP_STATUS.GSO_TCP;
  if (p.checksumState === ChecksumState.Partial) return TP_STATUS.CSUMNOTREADY | gso;
  return packetType !== PACKET_TYPE.OUTGOING && p.checksumState === ChecksumState.Verified ? TP_STATUS.CSUM_VALID | gso : gso;
}

function sourceOf(frame: SeenFrame): Uint8Array {
  const address = new Uint8Array(MAC_LEN);
  const view = new DataView(address.buffer);
  view.setUint16(0, frame.sourceHi);
  view.setInt32(2, frame.sourceLo);
  return sockaddrLl({
    protocol: frame.protocol, index: frame.interfaceIndex, hardware: frame.hardwareType, type: frame.packetType, address,
  });
}

/** `struct tpacket_auxdata`: status, length, what is here of it, where the headers begin, and the VLAN tag. */
function auxiliaryOf(frame: SeenFrame, length: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  const tagged = frame.vlanProtocol === 0 ? 0 : TP_STATUS.VLAN_VALID | TP_STATUS.VLAN_TPID_VALID;
  view.setUint32(0, frame.status | tagged, true);
  view.setUint32(4, frame.wholeLength, true);
  view.setUint32(8, length, true);
  view.setUint16(14, frame.networkAt, true);
  view.setUint16(16, frame.vlanTag, true);
  view.setUint16(18, frame.vlanProtocol, true);
  return bytes;
}
