/**
 * Receive offload (Linux's GRO): segments of one TCP stream that arrive together go up as one super-segment, so that
 * the layers above are walked once and not once a frame.
 *
 *   wire's burst -> Nic -> take, take, take ... flush -> NetInput.frameInput
 *
 * Only what can be cut apart again into the very same frames is merged (tcp_gro_receive, inet_gro_receive): equal
 * headers, sequence numbers and IPv4 identifications that go on, whole segments but for the last. Frames whose checksum
 * nobody vouches for are left alone, and so is whatever is not a plain data segment. Captures see the frames before.
 */
import { fold, wordSum } from '../base/checksum.ts';
import type { Chunk } from '../base/slab.ts';
import { ETHERNET_HEADER_LEN } from '../wire/ethernet.ts';
import type { Device } from './device.ts';
import { ChecksumState, type Packet } from './packet.ts';
import { IP, segmentHeaderLen, setIpLength, TCP } from './segment.ts';

/** Linux's gso_max_size, without the Ethernet header. */
const MAX_IP_BYTES = 65535;
/** The two flags that may differ: they end a merged segment (as bits of the word of offset, flags and window). */
const ENDS = (TCP.FIN | TCP.PSH) << 16;

export class ReceiveOffload {
  private readonly device: Device;
  private held: Packet | null = null;
  private heldIsV4 = false;
  private heldHeaderLen = 0;
  private segments = 0;
  private nextSeq = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** A frame of a burst. Takes over `p`. */
  take(p: Packet): void {
    const { held } = this;
    const payload = mergeableBytes(p);
    if (held !== null) {
      if (payload > 0 && this.continues(held, p, payload)) {
        this.append(held, p, payload);
        return;
      }
      this.flush();
    }
    // One that ends a burst of its own (PSH) has nothing to wait for.
    if (payload === 0 || (p.view.getInt32(p.l4 + TCP.OFFSET_FLAGS) & ENDS) !== 0) {
      this.device.passUp(p);
      return;
    }
    this.held = p;
    this.heldIsV4 = (p.bytes[p.l3] as number) >> 4 === 4;
    this.heldHeaderLen = segmentHeaderLen(p);
    this.segments = 1;
    this.nextSeq = (p.view.getInt32(p.l4 + TCP.SEQ) + payload) | 0;
  }

  /** The burst is over. */
  flush(): void {
    const p = this.held;
    if (p === null) return;
    this.held = null;
    if (this.segments > 1) {
      const length = p.length - ETHERNET_HEADER_LEN;
      const pseudo = p.view.getUint16(p.l4 + TCP.CHECKSUM);
      const l4Len = length - (p.l4 - p.l3);
      const oldL4Len = this.heldHeaderLen + p.gsoSize;
      p.view.setUint16(p.l4 + TCP.CHECKSUM, fold(pseudo + (~fold(wordSum(oldL4Len)) & 0xffff) + wordSum(l4Len)));
      setIpLength(p, this.heldIsV4, length, 0);
    }
    this.device.passUp(p);
  }

  /** Does `p`, with `payload` bytes, go on where `held` ends, with the same headers? */
  private continues(held: Packet, p: Packet, payload: number): boolean {
    const size = this.segments > 1 ? held.gsoSize : held.rangesLen;
    if (payload > size || held.length + payload - ETHERNET_HEADER_LEN > MAX_IP_BYTES) return false;
    const l4 = held.l4;
    if (p.l4 !== l4 || p.l3 !== held.l3) return false;
    const a = held.view;
    const b = p.view;
    if (b.getInt32(l4 + TCP.SEQ) !== this.nextSeq || b.getInt32(l4) !== a.getInt32(l4)) return false;
    if (b.getInt32(l4 + TCP.ACK) !== a.getInt32(l4 + TCP.ACK)) return false;
    if (((b.getInt32(l4 + TCP.OFFSET_FLAGS) ^ a.getInt32(l4 + TCP.OFFSET_FLAGS)) & ~ENDS) !== 0) return false;
    if (b.getUint16(l4 + TCP.URGENT) !== a.getUint16(l4 + TCP.URGENT)) return false;
    const optionsEnd = l4 + this.heldHeaderLen;
    for (let at = l4 + TCP.HEADER_LEN; at < optionsEnd; at += 4) if (b.getInt32(at) !== a.getInt32(at)) return false;
    return this.heldIsV4 ? this.continuesV4(a, b, held.l3) : sameV6(a, b, held.l3);
  }

  private continuesV4(a: DataView, b: DataView, at: number): boolean {
    return (
      b.getUint16(at) === a.getUint16(at) &&
      b.getUint16(at + IP.V4_ID) === ((a.getUint16(at + IP.V4_ID) + this.segments) & 0xffff) &&
      b.getUint16(at + IP.V4_FRAGMENT) === a.getUint16(at + IP.V4_FRAGMENT) &&
      b.getUint16(at + IP.V4_TTL) === a.getUint16(at + IP.V4_TTL) &&
      b.getInt32(at + IP.V4_SRC) === a.getInt32(at + IP.V4_SRC) && b.getInt32(at + IP.V4_DST) === a.getInt32(at + IP.V4_DST) &&
      sameEthernet(a, b, at)
    );
  }

  /** Takes over `p`. */
  private append(held: Packet, p: Packet, payload: number): void {
    const size = this.segments > 1 ? held.gsoSize : held.rangesLen;
    for (let range = p.ranges; range !== null; range = range.next) held.addRange(range.chunk as Chunk, range.offset, range.length);
    const ends = p.view.getInt32(p.l4 + TCP.OFFSET_FLAGS) & ENDS;
    p.release();
    held.gsoSize = size;
    this.segments++;
    this.nextSeq = (this.nextSeq + payload) | 0;
    if (ends === 0 && payload === size) return;
    held.view.setInt32(held.l4 + TCP.OFFSET_FLAGS, held.view.getInt32(held.l4 + TCP.OFFSET_FLAGS) | ends);
    this.flush();
  }
}

/** Payload bytes of a segment that may be merged; 0 for every other frame. Borrows `p`. */
function mergeableBytes(p: Packet): number {
  const { bytes, l3, l4 } = p;
  // In-process wires pass on where the sender's headers lie; a frame that went through a file or a fault has no such help.
  if (p.checksumState !== ChecksumState.Partial || p.gsoSize !== 0 || l3 - p.head !== ETHERNET_HEADER_LEN) return 0;
  if (p.checksumOffset !== TCP.CHECKSUM || l4 < 0 || p.headEnd < l4 + TCP.HEADER_LEN) return 0;
  const flags = bytes[l4 + TCP.FLAGS] as number;
  if ((flags & ~(TCP.PSH | TCP.FIN)) !== TCP.ACK_FLAG || p.headEnd !== l4 + segmentHeaderLen(p)) return 0;
  const version = (bytes[l3] as number) >> 4;
  if (version === 4) {
    // Options, fragments: the receiver looks at those one by one.
    if (bytes[l3] !== 0x45 || l4 - l3 !== 20 || (p.view.getUint16(l3 + IP.V4_FRAGMENT) & 0x3fff) !== 0) return 0;
  } else if (version !== 6 || l4 - l3 !== IP.V6_HEADER_LEN) {
    return 0;
  }
  return p.rangesLen;
}

function sameV6(a: DataView, b: DataView, at: number): boolean {
  if (b.getInt32(at) !== a.getInt32(at) || b.getUint16(at + 6) !== a.getUint16(at + 6)) return false;
  for (let i = at + IP.V6_SRC; i < at + IP.V6_HEADER_LEN; i += 4) if (b.getInt32(i) !== a.getInt32(i)) return false;
  return sameEthernet(a, b, at);
}

function sameEthernet(a: DataView, b: DataView, l3: number): boolean {
  const at = l3 - ETHERNET_HEADER_LEN;
  return (
    b.getInt32(at) === a.getInt32(at) && b.getInt32(at + 4) === a.getInt32(at + 4) &&
    b.getInt32(at + 8) === a.getInt32(at + 8) && b.getUint16(at + 12) === a.getUint16(at + 12)
  );
}
