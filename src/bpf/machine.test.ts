/** The machine, instruction by instruction. test/interop/filter-kernel.test.ts holds it against Linux's. */
import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArraySource } from '../base/byte-source.ts';
import { SeededRandom } from '../base/random.ts';
import { ANCILLARY_AREA, Ancillary, LINK_AREA, NETWORK_AREA, PacketFacts } from './ancillary.ts';
import { Code, type Instruction, instruction } from './instruction.ts';
import { Filter, MachineRules } from './machine.ts';

const BYTES = Uint8Array.of(0x45, 0x01, 0x02, 0x03, 0xfe, 0xff, 0x80, 0x00);

type Line = readonly [code: number, k?: number, jt?: number, jf?: number];

function program(...lines: Line[]): Instruction[] {
  return lines.map(([code, k, jt, jf]) => instruction(code, k, jt, jf));
}

function run(lines: readonly Line[], facts: Partial<PacketFacts> = {}, bytes = BYTES, rules: MachineRules = MachineRules.Linux): number {
  const all = Object.assign(new PacketFacts(), { length: bytes.length }, facts);
  return new Filter(program(...lines), rules).run(new ByteArraySource(bytes), all);
}

/** What A holds after `lines`. */
function after(...lines: Line[]): number {
  return run([...lines, [Code.ReturnA]]);
}

test('a program is checked when the machine is made', () => {
  throws(() => new Filter([]), /0 instructions/);
  throws(() => new Filter(program([0xffff])), /unknown code/);
});

test('ret: a constant, or A, unsigned', () => {
  equal(run([[Code.Return, 0xffffffff]]), 0xffffffff);
  equal(after([Code.LoadConstant, 0x80000000]), 0x80000000);
});

test('ld: words, halves and bytes in network order', () => {
  equal(after([Code.LoadWord, 0]), 0x45010203);
  equal(after([Code.LoadWord, 4]), 0xfeff8000);
  equal(after([Code.LoadHalf, 4]), 0xfeff);
  equal(after([Code.LoadByte, 5]), 0xff);
});

test('ld: what lies outside the packet, if only by a byte, drops it', () => {
  for (const [code, at] of [[Code.LoadWord, 5], [Code.LoadHalf, 7], [Code.LoadByte, 8], [Code.LoadWord, 0x7fffffff]] as const) {
    equal(run([[code, at], [Code.Return, 9]]), 0, `code ${code} at ${at}`);
    equal(run([[Code.LoadXConstant, at], [code + 0x20, 0], [Code.Return, 9]]), 0, `code ${code} at X = ${at}`);
  }
});

test('ld [x + k]; the sum is signed in Linux and may wrap, and never wraps in libpcap', () => {
  const lines: Line[] = [[Code.LoadXConstant, -2], [Code.LoadByteIndexed, 6], [Code.ReturnA]];
  equal(run(lines), 0xfe);
  equal(run(lines, {}, BYTES, MachineRules.Library), 0);
  equal(run([[Code.LoadXConstant, 2], [Code.LoadByteIndexed, 2], [Code.ReturnA]], {}, BYTES, MachineRules.Library), 0xfe);
});

test('ldx 4*([k]&0xf): the length of an IPv4 header', () => {
  equal(after([Code.LoadXHeaderLength, 0], [Code.XToA]), 20);
  equal(run([[Code.LoadXHeaderLength, 8], [Code.Return, 1]]), 0);
});

test('ld and ldx #pktlen: the length on the wire, not that of the bytes kept', () => {
  equal(run([[Code.LoadLength], [Code.ReturnA]], { length: 1500 }), 1500);
  equal(run([[Code.LoadXLength], [Code.XToA], [Code.ReturnA]], { length: 1500 }), 1500);
});

test('scratch memory', () => {
  equal(after([Code.LoadConstant, 7], [Code.Store, 15], [Code.LoadConstant, 1], [Code.LoadScratch, 15]), 7);
  equal(after([Code.LoadXConstant, 7], [Code.StoreX, 0], [Code.LoadXConstant, 1], [Code.LoadXScratch, 0], [Code.XToA]), 7);
  equal(after([Code.LoadConstant, 3], [Code.AToX], [Code.LoadConstant, 0], [Code.XToA]), 3);
});

test('alu: 32 bits, unsigned, with k and with X', () => {
  const cases: readonly [number, number, number, number][] = [
    [Code.Add, 0xffffffff, 2, 1],
    [Code.Sub, 1, 2, 0xffffffff],
    [Code.Mul, 0xffffffff, 0xffffffff, 1],
    [Code.Mul, 0x12345678, 0x9abcdef0, 0x242d2080],
    [Code.Div, 0xffffffff, 2, 0x7fffffff],
    [Code.Div, 7, 0xffffffff, 0],
    [Code.Mod, 0xffffffff, 10, 5],
    [Code.Mod, 5, 0x80000000, 5],
    [Code.And, 0xf0f0f0f0, 0xff00ff00, 0xf000f000],
    [Code.Or, 0xf0, 0x80000000, 0x800000f0],
    [Code.Xor, 0xffffffff, 0x80000000, 0x7fffffff],
    [Code.ShiftLeft, 0x80000001, 1, 2],
    [Code.ShiftLeft, 1, 31, 0x80000000],
    [Code.ShiftRight, 0x80000000, 31, 1],
    [Code.ShiftRight, 0x80000000, 0, 0x80000000],
  ];
  for (const [code, a, k, expected] of cases) {
    equal(after([Code.LoadConstant, a], [code, k]), expected, `${code} k`);
    equal(after([Code.LoadConstant, a], [Code.LoadXConstant, k], [code | 0x08]), expected, `${code} x`);
  }
  equal(after([Code.LoadConstant, 1], [Code.Negate]), 0xffffffff);
  equal(after([Code.LoadConstant, 0x80000000], [Code.Negate]), 0x80000000);
});

test('division by X = 0 drops the packet', () => {
  for (const code of [Code.DivX, Code.ModX]) equal(run([[Code.LoadConstant, 5], [code], [Code.Return, 1]]), 0);
});

test('shifts by X of 32 and more: Linux takes the low five bits, libpcap leaves nothing', () => {
  const lines: Line[] = [[Code.LoadConstant, 3], [Code.LoadXConstant, 33], [Code.ShiftLeftX], [Code.ReturnA]];
  equal(run(lines), 6);
  equal(run(lines, {}, BYTES, MachineRules.Library), 0);
});

test('jumps compare unsigned', () => {
  const cases: readonly [number, number, number, boolean][] = [
    [Code.JumpEqual, 5, 5, true],
    [Code.JumpEqual, 0xffffffff, 0xffffffff, true],
    [Code.JumpEqual, 5, 6, false],
    [Code.JumpGreater, 0x80000000, 0x7fffffff, true],
    [Code.JumpGreater, 5, 5, false],
    [Code.JumpGreater, 1, 0xffffffff, false],
    [Code.JumpGreaterEqual, 5, 5, true],
    [Code.JumpGreaterEqual, 0x7fffffff, 0x80000000, false],
    [Code.JumpSet, 6, 2, true],
    [Code.JumpSet, 6, 9, false],
    [Code.JumpSet, 0x80000000, 0x80000000, true],
  ];
  for (const [code, a, k, holds] of cases) {
    const expected = holds ? 1 : 2;
    const ends: Line[] = [[Code.Return, 1], [Code.Return, 2]];
    equal(run([[Code.LoadConstant, a], [code, k, 0, 1], ...ends]), expected, `${code} k`);
    equal(run([[Code.LoadConstant, a], [Code.LoadXConstant, k], [code | 0x08, 0, 0, 1], ...ends]), expected, `${code} x`);
  }
  equal(run([[Code.Jump, 1], [Code.Return, 1], [Code.Return, 2]]), 2);
});

test('SKF_AD_OFF: what is known beside the bytes', () => {
  const facts: Partial<PacketFacts> = {
    protocol: 0x800, packetType: 4, interfaceIndex: 3, hardwareType: 1, mark: 9, queue: 2, receiveHash: 0x80000001, cpu: 1,
    vlanTag: 0x2005, vlanTagPresent: true, vlanProtocol: 0x8100, payloadOffset: 54,
  };
  const expected: readonly [number, number][] = [
    [Ancillary.Protocol, 0x800], [Ancillary.PacketType, 4], [Ancillary.InterfaceIndex, 3], [Ancillary.HardwareType, 1],
    [Ancillary.Mark, 9], [Ancillary.Queue, 2], [Ancillary.ReceiveHash, 0x80000001], [Ancillary.Cpu, 1],
    [Ancillary.VlanTag, 0x2005], [Ancillary.VlanTagPresent, 1], [Ancillary.VlanProtocol, 0x8100],
    [Ancillary.PayloadOffset, 54], [Ancillary.Random, 0],
  ];
  for (const [offset, value] of expected) {
    for (const code of [Code.LoadWord, Code.LoadHalf, Code.LoadByte]) {
      equal(run([[code, ANCILLARY_AREA + offset], [Code.ReturnA]], facts), value, `offset ${offset}`);
    }
  }
  const xorX: Line[] = [[Code.LoadConstant, 6], [Code.LoadXConstant, 5], [Code.LoadWord, ANCILLARY_AREA + Ancillary.XorX], [Code.ReturnA]];
  equal(run(xorX), 3);
  equal(run(xorX, {}, BYTES, MachineRules.Library), 0, 'libpcap has none of them');
});

test('SKF_AD_RANDOM draws from the source that was handed in', () => {
  const random = new SeededRandom('filter');
  const expected = new SeededRandom('filter').int32() >>> 0;
  equal(run([[Code.LoadWord, ANCILLARY_AREA + Ancillary.Random], [Code.ReturnA]], { random }), expected);
});

test('SKF_AD_NLATTR: the attribute of type X at or behind A', () => {
  // Little endian: length 8, type 1, four bytes; length 12, type 2, and inside it length 8, type 3.
  const bytes = Uint8Array.of(8, 0, 1, 0, 1, 2, 3, 4, 12, 0, 2, 0, 8, 0, 3, 0, 5, 6, 7, 8);
  const find = (offset: number, a: number, x: number): number =>
    run([[Code.LoadConstant, a], [Code.LoadXConstant, x], [Code.LoadWord, ANCILLARY_AREA + offset], [Code.ReturnA]], {}, bytes);
  equal(find(Ancillary.NetlinkAttribute, 0, 2), 8);
  equal(find(Ancillary.NetlinkAttribute, 0, 3), 0);
  equal(find(Ancillary.NetlinkAttributeNested, 8, 3), 12);
  equal(find(Ancillary.NetlinkAttributeNested, 8, 1), 0);
  for (const a of [16, 17, 20, 0xffffffff]) equal(find(Ancillary.NetlinkAttribute, a, 9), 0, `A = ${a}`);
});

test('SKF_NET_OFF and SKF_LL_OFF reach in front of the data', () => {
  const facts: Partial<PacketFacts> = { dataAt: 4, linkAt: 0, networkAt: 2 };
  equal(run([[Code.LoadByte, 0], [Code.ReturnA]], facts), 0xfe);
  equal(run([[Code.LoadByte, LINK_AREA + 1], [Code.ReturnA]], facts), 0x01);
  equal(run([[Code.LoadByte, NETWORK_AREA + 1], [Code.ReturnA]], facts), 0x03);
  equal(run([[Code.LoadXConstant, NETWORK_AREA], [Code.LoadByteIndexed, 1], [Code.ReturnA]], facts), 0x03);
  equal(run([[Code.LoadByte, NETWORK_AREA + 6], [Code.Return, 1]], facts), 0, 'behind the end');
  equal(run([[Code.LoadByte, NETWORK_AREA], [Code.Return, 1]], { networkAt: -1 }), 0, 'no network header');
  equal(run([[Code.LoadByte, LINK_AREA - 1], [Code.Return, 1]], facts), 0, 'no such area');
  equal(run([[Code.LoadByte, NETWORK_AREA], [Code.Return, 1]], facts, BYTES, MachineRules.Library), 0, 'libpcap has no areas');
});
