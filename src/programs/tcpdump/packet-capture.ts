/**
 * What passes at an interface of the host, or at all of them, through AF_PACKET: libpcap's part in tcpdump.
 *
 * Called by tcpdump.ts. On one interface frames come with their Ethernet header; on `any` they come without one, and get the
 * header of a cooked capture (SLL2). The filter runs in the socket, where it can (bpf/packet-socket.ts).
 */
import {
  AF_PACKET, CLOCK_REALTIME, ETH_P_ALL, MSG_DONTWAIT, MSG_TRUNC, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_MR_PROMISC,
  PACKET_OUTGOING, PACKET_STATISTICS, TP_STATUS_VLAN_VALID, SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMP, SOCK_DGRAM, SOCK_RAW, SOL_PACKET, SOL_SOCKET,
} from '../../api/posix/constants.ts';
import { readControl } from '../../api/posix/control.ts';
import { isErrno } from '../../api/posix/errors.ts';
import { if_nameindex } from '../../api/posix/ifaddrs.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { int32 } from '../../api/posix/option-values.ts';
import { filterBytes, readSockaddrLl, sockaddrLl } from '../../api/posix/sockaddr.ts';
import { ByteArraySource } from '../../base/byte-source.ts';
import { PacketFacts } from '../../bpf/ancillary.ts';
import { compileFilter } from '../../bpf/compile.ts';
import { Filter, MachineRules } from '../../bpf/machine.ts';
import type { FilterNames } from '../../bpf/names.ts';
import { COOKED2_LEN, forCookedSocket } from '../../bpf/packet-socket.ts';
import { LinkType } from '../../capture/capture-record.ts';
import type { TcpdumpWords } from './options.ts';

export const ANY = 'any';
const LOOPBACK_NAME = 'lo';
const TIMEVAL_BYTES = 16;
/** struct tpacket_auxdata: status 4, length 4, captured 4, offsets 2 and 2, the tag 2, its EtherType 2. */
const AUXDATA_BYTES = 20;
const VLAN_TAG_LEN = 4;
const VLAN_TAG_AT = 12;
const CONTROL_BYTES = 128;
/** Where packets wait that have not been printed: as large as libpcap's ring of 2 MiB; the kernel counts twice of it. */
const BUFFER_BYTES = 1 << 20;

/** A packet as it was captured. `bytes` is good until the next one is asked for. */
export interface LivePacket {
  readonly timeUs: number;
  readonly bytes: Uint8Array;
  readonly originalLength: number;
}

/** There is no such interface, or none that may be captured on: the sentence behind the program's name. */
export class CaptureRefused extends Error {}

export class PacketCapture {
  readonly linkType: number;
  /** By their numbers. */
  readonly interfaceNames: ReadonlyMap<number, string>;
  private readonly process: NameProcess;
  private readonly fd: number;
  private readonly words: TcpdumpWords;
  private readonly buffer: Uint8Array;
  private readonly loopback: number;
  private readonly isCooked: boolean;
  /** What the socket cannot run. */
  private filter: Filter | null = null;
  private readonly source = new ByteArraySource();
  private readonly facts = new PacketFacts();

  private constructor(process: NameProcess, fd: number, words: TcpdumpWords, isCooked: boolean, names: ReadonlyMap<number, string>) {
    this.process = process;
    this.fd = fd;
    this.words = words;
    this.isCooked = isCooked;
    this.linkType = isCooked ? LinkType.LinuxSll2 : LinkType.Ethernet;
    this.interfaceNames = names;
    this.loopback = [...names].find(([, name]) => name === LOOPBACK_NAME)?.[0] ?? -1;
    this.buffer = new Uint8Array(COOKED2_LEN + words.snapLen);
  }

  /** Opens `device` without receiving anything yet. Throws CaptureRefused. */
  static async open(process: NameProcess, device: string, words: TcpdumpWords): Promise<PacketCapture> {
    const names = new Map((await if_nameindex(process)).map(({ index, name }) => [index, name]));
    const isCooked = device === ANY;
    const index = isCooked ? 0 : ([...names].find(([, name]) => name === device)?.[0] ?? -1);
    if (index < 0) throw new CaptureRefused(`${device}: No such device exists\n(No such device exists)`);
    let fd: number;
    try {
      // Protocol 0: nothing comes before bind says what.
      fd = await process.socket(AF_PACKET, isCooked ? SOCK_DGRAM : SOCK_RAW, 0);
    } catch (error) {
      if (!isErrno(error, 'EPERM')) throw error;
      const reason = "You don't have permission to capture on that device";
      throw new CaptureRefused(`${device}: ${reason}\n(socket: Operation not permitted)`);
    }
    if (!isCooked && words.promiscuous && device !== LOOPBACK_NAME) {
      const request = new Uint8Array(16);
      new DataView(request.buffer).setInt32(0, index, true);
      request[4] = PACKET_MR_PROMISC;
      await process.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request);
    }
    await process.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(BUFFER_BYTES)).catch(() => {});
    // Where sockets tell no times, the clock is read when a packet is.
    await process.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, int32(1)).catch(() => {});
    await process.setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, int32(1));
    return new PacketCapture(process, fd, words, isCooked, names).bound(device, index);
  }

  private async bound(device: string, index: number): Promise<this> {
    try {
      await this.process.bind(this.fd, sockaddrLl({ protocol: ETH_P_ALL, index }));
    } catch (error) {
      if (isErrno(error, 'ENETDOWN')) throw new CaptureRefused(`${device}: That device is not up`);
      throw error;
    }
    return this;
  }

  /** Compiles the filter and gives it to the socket. Throws FilterError. */
  async setFilter(expression: string, names: FilterNames): Promise<void> {
    const { process, fd, words, linkType } = this;
    const program = compileFilter(expression, { isLive: true, linkType, snapLen: words.snapLen, names });
    const forSocket = this.isCooked ? forCookedSocket(program) : program;
    if (forSocket !== null) await process.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filterBytes(forSocket));
    await this.drain();
    if (forSocket === null) this.filter = new Filter(program, MachineRules.Library);
  }

  /** What came before the filter was attached does not count. */
  private async drain(): Promise<void> {
    try {
      for (;;) await this.process.recv(this.fd, this.buffer, MSG_DONTWAIT);
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error;
    }
    await this.process.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, 8);
  }

  /** The next packet; rejects with EINTR when a signal comes first. */
  async next(): Promise<LivePacket> {
    const { process, buffer, words } = this;
    const headerLen = this.isCooked ? COOKED2_LEN : 0;
    for (;;) {
      const into = buffer.subarray(headerLen, headerLen + words.snapLen);
      const { count, name, control } = await process.recvmsg(this.fd, [into], MSG_TRUNC, 20, CONTROL_BYTES);
      const from = readSockaddrLl(name);
      if (from === null) continue;
      const isOutgoing = from.type === PACKET_OUTGOING;
      // On loopback each packet is seen twice, and is told of once.
      if (isOutgoing && from.index === this.loopback && words.direction !== 'out') continue;
      if ((words.direction === 'in' && isOutgoing) || (words.direction === 'out' && !isOutgoing)) continue;
      const kept = Math.min(count, into.length);
      if (this.isCooked) writeCookedHeader(buffer, from);
      const told = readControl(control);
      const auxiliary = auxiliaryOf(told);
      const tagLen = this.isCooked || auxiliary === null ? 0 : putTagBack(buffer, kept, auxiliary);
      const bytes = buffer.subarray(0, Math.min(headerLen + kept + tagLen, headerLen + words.snapLen));
      // The filter has cut the packet at the snapshot's length: `count` is what it has left.
      const originalLength = headerLen + tagLen + (auxiliary?.getUint32(4, true) ?? count);
      if (!this.passes(bytes, originalLength)) continue;
      const stamp = told.find(({ level, type }) => level === SOL_SOCKET && type === SO_TIMESTAMP);
      const timeUs = stamp === undefined ? await process.clock_gettime(CLOCK_REALTIME) : timevalOf(stamp.data);
      return { timeUs, bytes, originalLength };
    }
  }

  private passes(bytes: Uint8Array, originalLength: number): boolean {
    if (this.filter === null) return true;
    this.source.bytes = bytes;
    this.facts.length = originalLength;
    return this.filter.run(this.source, this.facts) !== 0;
  }

  /** How many packets passed the filter, and how many of them found no room. */
  async statistics(): Promise<{ received: number; dropped: number }> {
    const bytes = await this.process.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { received: view.getUint32(0, true), dropped: view.getUint32(4, true) };
  }

  close(): Promise<void> {
    return this.process.close(this.fd);
  }
}

function writeCookedHeader(buffer: Uint8Array, from: NonNullable<ReturnType<typeof readSockaddrLl>>): void {
  const view = new DataView(buffer.buffer);
  view.setUint16(0, from.protocol);
  view.setUint16(2, 0);
  view.setUint32(4, from.index);
  view.setUint16(8, from.hardware);
  view.setUint8(10, from.type);
  view.setUint8(11, from.address.length);
  buffer.fill(0, 12, COOKED2_LEN);
  buffer.set(from.address.subarray(0, 8), 12);
}

function auxiliaryOf(told: ReturnType<typeof readControl>): DataView | null {
  const data = told.find(({ level, type }) => level === SOL_PACKET && type === PACKET_AUXDATA)?.data;
  return data === undefined || data.length < AUXDATA_BYTES ? null : new DataView(data.buffer, data.byteOffset);
}

/** The VLAN tag that was taken out of a frame of `length` bytes is put back where it was; returns how much longer that makes it. */
function putTagBack(buffer: Uint8Array, length: number, auxiliary: DataView): number {
  if ((auxiliary.getUint32(0, true) & TP_STATUS_VLAN_VALID) === 0 || length < VLAN_TAG_AT) return 0;
  buffer.copyWithin(VLAN_TAG_AT + VLAN_TAG_LEN, VLAN_TAG_AT, length);
  const frame = new DataView(buffer.buffer);
  frame.setUint16(VLAN_TAG_AT, auxiliary.getUint16(18, true));
  frame.setUint16(VLAN_TAG_AT + 2, auxiliary.getUint16(16, true));
  return VLAN_TAG_LEN;
}

function timevalOf(data: Uint8Array): number {
  if (data.length < TIMEVAL_BYTES) return 0;
  const view = new DataView(data.buffer, data.byteOffset);
  return view.getUint32(0, true) * 1e6 + view.getUint32(4, true) * 4294967296e6 + view.getUint32(8, true);
}
