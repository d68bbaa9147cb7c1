/**
 * A Linux TAP device as a network device of ours: the real kernel is the other end of the wire.
 *
 * The device exists while this process holds it open, in the network namespace the process runs in; the kernel removes
 * it with the descriptor, however the process ends. With offload a frame carries a `struct virtio_net_hdr` in front
 * (linux/if_tun.h, linux/virtio_net.h): checksums stay partial and TCP segments up to 64 KiB pass uncut, both ways.
 *
 *   in:   readable -> readv: | vnet header, headers | chunk | spare chunk |  up to 64 times -> received -> loop.drain
 *   out:  transmit -> queue -> (event of the loop, same pass) -> write | vnet header, frame |, or writev with ranges
 *
 * Called by cli/tap.ts; anyone may attach one to a Host.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { Errno, errnoName, strerror } from '../../base/errno.ts';
import { EventSource, type Loop } from '../../base/loop.ts';
import type { RandomSource } from '../../base/random.ts';
import { type Chunk, CHUNK_SIZE, copyBytes, releaseChunk, takeChunk } from '../../base/slab.ts';
import { Device } from '../../link/device.ts';
import { ChecksumState, type Packet, takePacket } from '../../link/packet.ts';
import { GSO_MAX_BYTES } from '../../link/nic.ts';
import { cutSegments, isDatagrams } from '../../link/segment.ts';
import { type Libc, loadLibc, PlatformError, type PollHandle } from './libc.ts';

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const IFF_TAP = 0x2;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
/** struct ifreq: the name, then a union whose first member here is the flags. */
const IFREQ_LEN = 40;
const IFNAMSIZ = 16;

/** struct virtio_net_hdr, little-endian: flags 1, gso_type 1, hdr_len 2, gso_size 2, csum_start 2, csum_offset 2. */
const VNET_LEN = 10;
const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_ECN = 0x80;

/** RFC 791: every link carries 68 bytes; an IP packet has at most 65,535. */
const MTU_LEAST = 68;
const MTU_MOST = 65535;
const EBADFD = 77;
const ETHERNET_LEN = 14;
const ETHERTYPE_IPV6 = 0x86dd;
/** Where readv splits a frame: behind Ethernet, IP and a TCP header with timestamps, so that payload starts a chunk. */
const SPLIT_IPV4 = ETHERNET_LEN + 20 + 32;
const SPLIT_IPV6 = ETHERNET_LEN + 40 + 32;

/** Frames read or written before the loop looks at anything else. */
const BATCH = 64;
/** Frames that wait for the kernel to take them: Linux's txqueuelen. */
const QUEUE_PACKETS = 1000;
/** A kernel without memory is asked again after this time. */
const RETRY_US = 500;
/**
 * Frames up to this length are copied into one piece and written with write(); longer ones go by writev(), uncopied.
 * A second iovec costs more than copying does: 913 against 864 ns a frame of 1,460 B, 1,238 against 1,115 of 4,000 B.
 */
const COPY_LIMIT = 4096;
const IOVECS = 64;
const IOVEC_LEN = 16;
/** Room for any frame that is written in one piece. */
const STAGING_LEN = VNET_LEN + ETHERNET_LEN + 4 + 65535 + 64;

export interface TapOptions {
  readonly loop: Loop;
  readonly random: RandomSource;
  /** Name of the kernel's interface; `tap0`. A `%d` is replaced by the first free number. */
  readonly name?: string;
  /** Partial checksums and 64 KiB segments; true. */
  readonly offload?: boolean;
  /** Longest IP packet, from 68 (RFC 791) to 65535; 1500. */
  readonly mtuBytes?: number;
}

export class TapDevice extends Device {
  /** Called once when the device is gone under our feet (`ip link delete`). */
  onLost: ((reason: string) => void) | null = null;
  private readonly loop: Loop;
  private readonly libc: Libc;
  private readonly vnetLen: number;
  private readonly poll: PollHandle;
  private fd: number;
  private readonly slabAddresses: Map<ArrayBufferLike, number> = new Map();

  // Receiving: headers land in `rxHead`, the rest in two chunks.
  private readonly rxHead: DataView;
  private readonly rxIov: DataView;
  private readonly rxIovAddress: number;
  private chunk: Chunk = takeChunk();
  private spare: Chunk = takeChunk();
  private used = 0;
  private split = SPLIT_IPV4;

  // Sending.
  private readonly writer: TapWriter;
  private first: Packet | null = null;
  private last: Packet | null = null;
  private queued = 0;
  private readonly txBytes: Uint8Array;
  private readonly txView: DataView;
  private readonly txAddress: number;
  private readonly txIov: DataView;
  private readonly txIovAddress: number;
  private iovecs = 0;

  /** Creates the kernel's interface; it is down and has no address yet (see `configureKernelSide`). */
  static async open(options: TapOptions): Promise<TapDevice> {
    const libc = await loadLibc('a TAP device');
    const wanted = options.name ?? 'tap0';
    if (!isInterfaceName(wanted)) {
      throw new PlatformError(`'${wanted}' cannot be the name of an interface`);
    }
    const { mtuBytes = 1500 } = options;
    if (!Number.isInteger(mtuBytes) || mtuBytes < MTU_LEAST || mtuBytes > MTU_MOST) {
      throw new PlatformError(`the MTU of a TAP device is a whole number from ${MTU_LEAST} to ${MTU_MOST}, not ${mtuBytes}`);
    }
    const fd = openTun();
    const offload = options.offload ?? true;
    try {
      const request = new Uint8Array(new ArrayBuffer(IFREQ_LEN));
      request.set(new TextEncoder().encode(wanted));
      const flags = IFF_TAP | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0);
      new DataView(request.buffer).setUint16(IFNAMSIZ, flags, true);
      if (libc.ioctl(fd, TUNSETIFF, request) < 0) throw refused(wanted, libc.errno());
      if (offload) {
        const size = new Uint8Array(new ArrayBuffer(4));
        size[0] = VNET_LEN;
        if (
          libc.ioctl(fd, TUNSETVNETHDRSZ, size) < 0 ||
          libc.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0
        ) {
          throw new PlatformError(`the kernel refuses offload on ${wanted}: ${strerror(libc.errno())}; try --no-offload`);
        }
      }
      const name = new TextDecoder().decode(request.subarray(0, request.indexOf(0)));
      return new TapDevice(name, fd, libc, options);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  private constructor(name: string, fd: number, libc: Libc, options: TapOptions) {
    super(name);
    const { loop, random } = options;
    const offload = options.offload ?? true;
    this.fd = fd;
    this.libc = libc;
    this.loop = loop;
    this.vnetLen = offload ? VNET_LEN : 0;
    this.mtuBytes = options.mtuBytes ?? 1500;
    this.checksumOffload = offload;
    this.gsoMaxBytes = offload ? GSO_MAX_BYTES : 0;
    // Locally administered, not a group address. The kernel draws its own for its side.
    this.macHi = (random.int32() & 0xfcff) | 0x0200;
    this.macLo = random.int32();

    const rxHead = new ArrayBuffer(VNET_LEN + SPLIT_IPV6 + 4);
    this.rxHead = new DataView(rxHead);
    this.rxIov = new DataView(new ArrayBuffer(3 * IOVEC_LEN));
    this.rxIovAddress = libc.addressOf(this.rxIov.buffer as ArrayBuffer);
    setIovec(this.rxIov, 0, libc.addressOf(rxHead), this.vnetLen + this.split);
    this.pointAtChunks();

    const tx = new ArrayBuffer(STAGING_LEN);
    this.txBytes = new Uint8Array(tx);
    this.txView = new DataView(tx);
    this.txAddress = libc.addressOf(tx);
    this.txIov = new DataView(new ArrayBuffer(IOVECS * IOVEC_LEN));
    this.txIovAddress = libc.addressOf(this.txIov.buffer as ArrayBuffer);
    this.writer = new TapWriter(this);
    this.poll = libc.pollReadable(fd, () => this.readable());
  }

  override transmit(p: Packet): void {
    if (this.fd < 0 || this.queued >= QUEUE_PACKETS) {
      this.statistics.txDropped++;
      p.release();
      return;
    }
    if (!this.sending(p)) return;
    // Kernels take datagrams to cut only from 6.2 on.
    if (p.gsoSize !== 0 && isDatagrams(p)) cutSegments(p, this.queue);
    else this.queue(p);
  }

  private readonly queue = (p: Packet): void => {
    p.next = null;
    if (this.last === null) this.first = p;
    else this.last.next = p;
    this.last = p;
    this.queued++;
    if (this.writer.at === Infinity) this.writer.schedule(this.loop, this.loop.now);
  };

  override dropQueued(): void {
    while (this.first !== null) this.takeFirst().release();
    this.writer.schedule(this.loop, Infinity);
  }

  /** Removes the kernel's interface. */
  close(): void {
    if (this.fd < 0) return;
    const fd = this.fd;
    this.fd = -1;
    this.carrier = false;
    this.poll.close();
    closeSync(fd);
    this.dropQueued();
    releaseChunk(this.chunk);
    releaseChunk(this.spare);
  }

  /** An open device keeps the process alive, unless this was called. */
  unref(): void {
    this.poll.unref();
  }

  ref(): void {
    this.poll.ref();
  }

  private readable(): void {
    this.loop.enter();
    for (let i = 0; i < BATCH && this.fd >= 0; i++) {
      const n = this.libc.readv(this.fd, this.rxIovAddress, 3);
      if (n <= 0) {
        const errno = this.libc.errno();
        if (n < 0 && errno !== Errno.EAGAIN && errno !== Errno.EINTR) this.lost(errno);
        break;
      }
      this.frameRead(n - this.vnetLen);
    }
    this.loop.drain();
  }

  private frameRead(length: number): void {
    if (length < ETHERNET_LEN) {
      this.statistics.rxErrors++;
      return;
    }
    const p = takePacket();
    const from = this.rxHead;
    const skip = this.vnetLen;
    const linear = length < this.split ? length : this.split;
    const to = p.view;
    const head = p.put(linear);
    // By words: `set` with a view made for it costs four times as much for these 66 bytes. The last word may copy up to
    // three bytes too many, within both buffers.
    for (let i = 0; i < linear; i += 4) to.setInt32(head + i, from.getInt32(skip + i));
    if (length > linear) this.addPayload(p, length - linear);
    if (skip !== 0) this.readVnetHeader(p);
    // Streams are of one family at a time: the next frame is split where this one's headers (would) end.
    const split = to.getUint16(head + 12) === ETHERTYPE_IPV6 ? SPLIT_IPV6 : SPLIT_IPV4;
    if (split !== this.split) {
      this.split = split;
      this.rxIov.setUint32(8, skip + split, true);
    }
    this.received(p);
  }

  /** The payload that readv has put into the chunks. */
  private addPayload(p: Packet, length: number): void {
    const room = CHUNK_SIZE - this.used;
    if (length <= room) {
      p.addRange(this.chunk, this.used, length);
      this.used += length;
      if (this.used < CHUNK_SIZE) return this.pointAtChunks();
      releaseChunk(this.chunk);
      this.chunk = this.spare;
      this.used = 0;
    } else {
      p.addRange(this.chunk, this.used, room);
      p.addRange(this.spare, 0, length - room);
      releaseChunk(this.chunk);
      this.chunk = this.spare;
      this.used = length - room;
    }
    this.spare = takeChunk();
    this.pointAtChunks();
  }

  /** Points readv's second and third part at the free room. */
  private pointAtChunks(): void {
    setIovec(this.rxIov, 1, this.addressOfChunk(this.chunk) + this.used, CHUNK_SIZE - this.used);
    setIovec(this.rxIov, 2, this.addressOfChunk(this.spare), CHUNK_SIZE);
  }

  private readVnetHeader(p: Packet): void {
    const from = this.rxHead;
    const flags = from.getUint8(0);
    if ((flags & NEEDS_CSUM) !== 0) {
      // The sender is this machine's kernel and left the sum to its card, which is us: nothing to verify.
      p.checksumState = ChecksumState.Partial;
      p.l4 = p.head + from.getUint16(6, true);
      p.checksumOffset = from.getUint16(8, true);
    } else if ((flags & DATA_VALID) !== 0) {
      p.checksumState = ChecksumState.Verified;
    }
    const gsoType = from.getUint8(1) & ~GSO_ECN;
    if (gsoType === GSO_TCPV4 || gsoType === GSO_TCPV6) p.gsoSize = from.getUint16(4, true);
  }

  /** Writes what is queued; called by the loop in the pass that queued it. */
  flush(): void {
    for (let i = 0; i < BATCH && this.first !== null; i++) {
      const errno = this.writeFrame(this.first);
      if (errno === Errno.EAGAIN || errno === Errno.ENOBUFS || errno === Errno.ENOMEM) {
        return this.writer.schedule(this.loop, this.loop.now + RETRY_US);
      }
      // EIO: the kernel's side is down. It drops what it is given, as a cable without a plug does.
      if (errno === Errno.EIO) this.statistics.txDropped++;
      else if (errno !== 0) this.statistics.txErrors++;
      this.takeFirst().release();
      if (errno === EBADFD) return this.lost(errno);
    }
    if (this.first !== null) this.writer.schedule(this.loop, this.loop.now);
  }

  /** Hands one frame to the kernel: 0 or errno. Borrows `p`. */
  private writeFrame(p: Packet): number {
    const { txBytes, vnetLen } = this;
    const linear = p.headEnd - p.head;
    if (vnetLen !== 0) this.writeVnetHeader(p);
    if (vnetLen + p.length > txBytes.length) return Errno.EMSGSIZE;
    copyBytes(p.bytes, p.head, txBytes, vnetLen, linear);
    let end = vnetLen + linear;
    let n: number;
    if (p.rangesLen > COPY_LIMIT && this.fillIovecs(p, end)) {
      n = this.libc.writev(this.fd, this.txIovAddress, this.iovecs);
    } else {
      for (let range = p.ranges; range !== null; range = range.next) {
        copyBytes((range.chunk as Chunk).bytes, range.offset, txBytes, end, range.length);
        end += range.length;
      }
      n = this.libc.write(this.fd, this.txAddress, end);
    }
    return n < 0 ? this.libc.errno() : 0;
  }

  /** False when the payload lies in too many pieces. */
  private fillIovecs(p: Packet, linear: number): boolean {
    const iov = this.txIov;
    setIovec(iov, 0, this.txAddress, linear);
    let count = 1;
    for (let range = p.ranges; range !== null; range = range.next) {
      if (count === IOVECS) return false;
      setIovec(iov, count++, this.addressOfChunk(range.chunk as Chunk) + range.offset, range.length);
    }
    this.iovecs = count;
    return true;
  }

  private writeVnetHeader(p: Packet): void {
    const to = this.txView;
    const partial = p.checksumState === ChecksumState.Partial;
    const l4 = p.l4 - p.head;
    to.setInt32(0, 0);
    to.setInt32(4, 0);
    to.setInt16(8, 0);
    if (!partial) return;
    to.setUint8(0, NEEDS_CSUM);
    to.setUint16(6, l4, true);
    to.setUint16(8, p.checksumOffset, true);
    if (p.gsoSize === 0) return;
    const isIpv6 = p.view.getUint16(p.head + 12) === ETHERTYPE_IPV6;
    to.setUint8(1, isIpv6 ? GSO_TCPV6 : GSO_TCPV4);
    to.setUint16(2, l4 + ((p.bytes[p.l4 + 12] as number) >> 4) * 4, true);
    to.setUint16(4, p.gsoSize, true);
  }

  private addressOfChunk(chunk: Chunk): number {
    const buffer = chunk.bytes.buffer;
    let address = this.slabAddresses.get(buffer);
    if (address === undefined) {
      address = this.libc.addressOf(buffer as ArrayBuffer);
      this.slabAddresses.set(buffer, address);
    }
    return address + chunk.bytes.byteOffset;
  }

  private takeFirst(): Packet {
    const p = this.first as Packet;
    this.first = p.next;
    if (this.first === null) this.last = null;
    p.next = null;
    this.queued--;
    return p;
  }

  private lost(errno: number): void {
    const { input } = this;
    this.close();
    if (input !== null) input.deviceChanged(this);
    if (this.onLost === null) return;
    this.onLost(errno === EBADFD ? `the device ${this.name} was removed` : `the device ${this.name} failed: ${strerror(errno)}`);
  }
}

/** The event that writes queued frames: due in the loop pass in which they were queued. */
class TapWriter extends EventSource {
  private readonly device: TapDevice;
  private loop: Loop | null = null;

  constructor(device: TapDevice) {
    super();
    this.device = device;
  }

  schedule(loop: Loop, at: number): void {
    this.loop = loop;
    this.at = at;
    this.order = ++loop.sequence;
    loop.update(this);
  }

  run(): void {
    this.at = Infinity;
    (this.loop as Loop).update(this);
    this.device.flush();
  }
}

/** Whether Linux takes this as the name of an interface. */
export function isInterfaceName(name: string): boolean {
  return name.length > 0 && name.length < IFNAMSIZ && name !== '.' && name !== '..' && /^[!-.0-9;-~]+$/.test(name);
}

function openTun(): number {
  try {
    return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') throw new PlatformError('this machine has no /dev/net/tun (kernel module tun)');
    if (code === 'EACCES' || code === 'EPERM') throw new PlatformError('a TAP device needs root (or CAP_NET_ADMIN)');
    throw error;
  }
}

function refused(name: string, errno: number): PlatformError {
  if (errno === Errno.EPERM) return new PlatformError('a TAP device needs root (or CAP_NET_ADMIN)');
  if (errno === Errno.EBUSY) return new PlatformError(`the device ${name} is in use by another process`);
  return new PlatformError(`the kernel refuses a TAP device ${name}: ${errnoName(errno)}, ${strerror(errno)}`);
}

function setIovec(iov: DataView, index: number, address: number, length: number): void {
  const at = index * IOVEC_LEN;
  const high = Math.floor(address / 4294967296);
  iov.setUint32(at, address - high * 4294967296, true);
  iov.setUint32(at + 4, high, true);
  iov.setUint32(at + 8, length, true);
  iov.setUint32(at + 12, 0, true);
}
