/** Software segmentation: what the pieces of a super-segment look like, byte by byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, pseudoHeaderSum4, pseudoHeaderSum6, sumView } from '../base/checksum.ts';
import { ChunkWriter, slabStatistics } from '../base/slab.ts';
import { ChecksumState, type Packet, packetStatistics, takePacket } from './packet.ts';
import { completeChecksum, cutSegments, segmentCount } from './segment.ts';
import { DST, SRC, wrapSegment } from './testing.ts';

const TCP_LEN = 32;

const FIN = 1, PSH = 8, ACK = 16, CWR = 128;

/** An Ethernet frame with a TCP segment: `inHead` bytes of payload in the head, the rest as ranges. */
function segment(isV4: boolean, payload: number, mss: number, flags: number, inHead = 0): Packet {
  const p = takePacket();
  p.ensureHead(144 + inHead);
  const bytes = Uint8Array.from({ length: payload }, (_, i) => (i * 7) & 0xff);
  p.bytes.set(bytes.subarray(0, inHead), p.put(inHead));
  const writer = new ChunkWriter();
  p.addBytes(bytes, inHead, payload - inHead, writer);
  writer.release();
  const l4 = p.push(TCP_LEN);
  const { view } = p;
  p.bytes.fill(0, l4, l4 + TCP_LEN);
  view.setUint32(l4 + 4, 0xffffff00);
  view.setUint8(l4 + 12, (TCP_LEN / 4) << 4);
  view.setUint8(l4 + 13, flags);
  wrapSegment(p, l4, isV4, 0xfffe, mss);
  return p;
}

function cut(p: Packet): Packet[] {
  const pieces: Packet[] = [];
  cutSegments(p, (piece) => pieces.push(piece));
  return pieces;
}

for (const isV4 of [true, false]) {
  for (const inHead of [0, 10, 300]) {
    test(`${isV4 ? 'IPv4' : 'IPv6'}, ${inHead} bytes of payload in the head: lengths, sequence numbers, flags, checksums`, () => {
      const ranges = slabStatistics.rangesInUse;
      const packets = packetStatistics.packetsInUse;
      const p = segment(isV4, 1000, 300, FIN | PSH | ACK | CWR, inHead);
      assert.equal(segmentCount(p), 4);
      const pieces = cut(p);
      const headers = 14 + (isV4 ? 20 : 40) + TCP_LEN;
      assert.deepEqual(pieces.map((piece) => piece.length - headers), [300, 300, 300, 100]);
      assert.deepEqual(pieces.map((piece) => piece.view.getUint32(piece.l4 + 4)), [0xffffff00, 0x2c, 0x158, 0x284]);
      assert.deepEqual(pieces.map((piece) => piece.bytes[piece.l4 + 13]), [ACK | CWR, ACK, ACK, FIN | PSH | ACK]);
      const whole: number[] = [];
      for (const piece of pieces) {
        assert.equal(piece.gsoSize, 0);
        assert.equal(piece.checksumState, ChecksumState.Partial);
        completeChecksum(piece);
        const bytes = piece.toBytes();
        const view = new DataView(bytes.buffer);
        const l4Len = bytes.length - headers + TCP_LEN;
        if (isV4) {
          assert.equal(view.getUint16(16), bytes.length - 14);
          assert.equal(fold(sumView(view, 14, 34, 0)), 0xffff, 'IPv4 header checksum');
        } else {
          assert.equal(view.getUint16(18), l4Len);
        }
        const pseudo = isV4 ? pseudoHeaderSum4(SRC, DST, 6, l4Len) : pseudoHeaderSum6(1, 2, 3, SRC, 1, 2, 3, DST, 6, l4Len);
        assert.equal(fold(sumView(view, headers - TCP_LEN, bytes.length, pseudo)), 0xffff, 'TCP checksum');
        whole.push(...bytes.subarray(headers));
      }
      if (isV4) {
        assert.deepEqual(pieces.map((piece) => piece.view.getUint16(piece.l3 + 4)), [0xfffe, 0xffff, 0, 1], 'identifications');
      }
      assert.deepEqual(whole, Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xff));
      for (const piece of pieces) piece.release();
      assert.equal(slabStatistics.rangesInUse, ranges);
      assert.equal(packetStatistics.packetsInUse, packets);
    });
  }
}

test('a segment that needs no cutting passes as it is; its size is forgotten', () => {
  const p = segment(true, 300, 300, ACK);
  assert.equal(segmentCount(p), 1);
  const pieces = cut(p);
  assert.equal(pieces.length, 1);
  assert.equal(pieces[0], p);
  assert.equal(p.gsoSize, 0);
  p.release();
});

test('the last piece carries the owner', () => {
  const p = segment(true, 700, 300, ACK);
  let back = 0;
  p.owner = { released: (truesize) => { back += truesize; } };
  p.truesize = 123;
  const [first, second, third] = cut(p) as [Packet, Packet, Packet];
  first.release();
  second.release();
  assert.equal(back, 0);
  third.release();
  assert.equal(back, 123);
});

test('a super-segment whose checksum is not partial gets one made for its pieces', () => {
  const p = segment(false, 700, 300, ACK);
  p.view.setUint16(p.l4 + 16, 0x1234);
  p.checksumState = ChecksumState.Verified;
  for (const piece of cut(p)) {
    completeChecksum(piece);
    const bytes = piece.toBytes();
    const view = new DataView(bytes.buffer);
    const pseudo = pseudoHeaderSum6(1, 2, 3, SRC, 1, 2, 3, DST, 6, bytes.length - 54);
    assert.equal(fold(sumView(view, 54, bytes.length, pseudo)), 0xffff);
    piece.release();
  }
});

test('RFC 768: a UDP checksum that comes out as zero is sent as all ones', () => {
  const p = takePacket();
  const at = p.put(10);
  p.l4 = at;
  p.bytes.fill(0, at, at + 10);
  // Ports, length and data that add up to 0xffff with the pseudo-header's sum.
  p.view.setUint16(at, 0xfff0);
  p.view.setUint16(at + 6, 0x000f);
  p.checksumState = ChecksumState.Partial;
  p.checksumOffset = 6;
  completeChecksum(p);
  assert.equal(p.view.getUint16(at + 6), 0xffff);
  assert.equal(p.checksumState, ChecksumState.Full);
  p.release();
});
