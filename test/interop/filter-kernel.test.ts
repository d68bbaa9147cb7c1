/**
 * Classic BPF as Linux has it: over random programs our checker refuses what SO_ATTACH_FILTER refuses, and our machine
 * keeps as many bytes of each packet as the kernel does (of a datagram that waits at a socket with the filter).
 *
 * A socket shows how many bytes are kept up to the packet's length, so many programs end by returning A.
 */
import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ByteArraySource } from '../../src/base/byte-source.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { ANCILLARY_AREA, Ancillary, PacketFacts } from '../../src/bpf/ancillary.ts';
import { checkProgram } from '../../src/bpf/check.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { FilterError } from '../../src/bpf/filter-error.ts';
import { Code, type Instruction, instruction } from '../../src/bpf/instruction.ts';
import { readableListing } from '../../src/bpf/listing.ts';
import { Filter } from '../../src/bpf/machine.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { isFull, recordResult, root, seed } from '../results.ts';
import { EXPRESSIONS } from './filter-expressions.ts';
import { filterPackets } from './filter-packets.ts';
import { Draw } from '../tools/packet-bytes.ts';

interface Case {
  readonly program: readonly Instruction[];
  readonly packets: readonly Uint8Array[];
}

interface Answer {
  readonly errno: number;
  /** Bytes that arrived; -1 for a packet that was dropped. */
  readonly kept: readonly number[];
}

function askKernel(cases: readonly Case[]): Answer[] {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-filter-'));
  try {
    const binary = join(folder, 'filter-kernel');
    const compiler = process.env['CC'] ?? 'cc';
    const compiled = spawnSync(compiler, ['-O1', '-o', binary, join(root, 'test/interop/filter-kernel.c')], { encoding: 'utf8' });
    equal(compiled.status, 0, compiled.stderr);
    const run = spawnSync(binary, { input: Buffer.concat(cases.map(encode)), maxBuffer: 2 ** 30 });
    equal(run.status, 0, `filter-kernel: ${run.error ?? run.stderr.toString()}`);
    let at = 0;
    const next = (): number => run.stdout.readInt32LE((at += 4) - 4);
    return cases.map(({ packets }) => ({ errno: next(), kept: packets.map(next) }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function encode({ program, packets }: Case): Buffer {
  const instructions = Buffer.alloc(4 + 8 * program.length);
  instructions.writeUInt32LE(program.length, 0);
  program.forEach(({ code, jt, jf, k }, i) => {
    instructions.writeUInt16LE(code, 4 + 8 * i);
    instructions.writeUInt8(jt, 6 + 8 * i);
    instructions.writeUInt8(jf, 7 + 8 * i);
    instructions.writeUInt32LE(k, 8 + 8 * i);
  });
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  return Buffer.concat([instructions, number(packets.length), ...packets.flatMap((bytes) => [number(bytes.length), bytes])]);
}

/** Our answer to the same. */
function answer({ program, packets }: Case): Answer {
  if (checkProgram(program) !== null) return { errno: 22, kept: packets.map((bytes) => bytes.length) };
  const filter = new Filter(program);
  const source = new ByteArraySource();
  const facts = new PacketFacts();
  const kept = packets.map((bytes) => {
    source.bytes = bytes;
    facts.length = bytes.length;
    const most = filter.run(source, facts);
    return most === 0 ? -1 : Math.min(most, bytes.length);
  });
  return { errno: 0, kept };
}

/* ---- Random programs ---- */

const CODES: readonly number[] = Object.values(Code);
const LOADS: readonly number[] = [Code.LoadWord, Code.LoadHalf, Code.LoadByte];
const CONSTANTS = [0, 1, 2, 3, 4, 7, 14, 15, 16, 31, 32, 33, 100, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
/** Facts that a datagram between two sockets of one process has in the same way here and there. */
const FACTS = [
  Ancillary.NetlinkAttribute, Ancillary.NetlinkAttributeNested, Ancillary.XorX, Ancillary.VlanTag, Ancillary.VlanTagPresent,
];

function randomProgram(draw: Draw): Instruction[] {
  const length = draw.int(1, 12);
  const isWild = draw.chance(0.3);
  const program = Array.from({ length }, (_, pc) => randomInstruction(draw, length + 2 - pc, isWild));
  program.push(instruction(Code.And, draw.pick([0xff, 0x1f, 0xffffffff])));
  program.push(instruction(draw.chance(0.9) ? Code.ReturnA : Code.Return, draw.int(0, 300)));
  if (draw.chance(0.05)) program.pop();
  // Scratch words are written first in most programs, since nearly all others would be refused.
  return draw.chance(0.8) ? [...Array.from({ length: 4 }, (_, word) => instruction(Code.Store, word)), ...program] : program;
}

function randomInstruction(draw: Draw, left: number, isWild: boolean): Instruction {
  const code = isWild && draw.chance(0.05) ? draw.int(0, 0x1ff) : draw.pick(CODES);
  const jump = (): number => (isWild && draw.chance(0.1) ? draw.int(0, 255) : draw.int(0, Math.max(0, Math.min(255, left - 2))));
  const isConditional = (code & 0x07) === 0x05 && code !== Code.Jump;
  return instruction(code, operand(draw, code, left, isWild), isConditional ? jump() : 0, isConditional ? jump() : 0);
}

function operand(draw: Draw, code: number, left: number, isWild: boolean): number {
  if (isWild && draw.chance(0.2)) return draw.pick(CONSTANTS);
  switch (code) {
    case Code.Jump:
      return draw.int(0, Math.max(0, left - 2));
    case Code.Store:
    case Code.StoreX:
    case Code.LoadScratch:
    case Code.LoadXScratch:
      return draw.int(0, 3);
    case Code.ShiftLeft:
    case Code.ShiftRight:
      return draw.int(0, 31);
    case Code.LoadXHeaderLength:
      return draw.int(0, 40);
    default:
      if (LOADS.includes(code) && draw.chance(0.15)) return (ANCILLARY_AREA + draw.pick(FACTS)) >>> 0;
      return draw.chance(0.7) ? draw.int(0, 70) : draw.pick(CONSTANTS);
  }
}

function randomPacket(draw: Draw): Uint8Array {
  const bytes = Uint8Array.from(draw.bytes(draw.int(1, 80)));
  // Netlink attributes need small lengths.
  if (draw.chance(0.5)) for (let at = 0; at + 4 < bytes.length; at += 4) bytes.set([draw.int(3, 16), 0, draw.int(0, 20), 0], at);
  return bytes;
}

/** A program of a length, for the limits. */
function returnsOf(length: number): Case {
  return { program: new Array<Instruction>(length).fill(instruction(Code.Return, 1)), packets: [] };
}

const compiler = { ...needs(process.env['CC'] ?? 'cc'), timeout: 600_000 };

test(`random programs: the checker and the machine are Linux's, seed ${seed}`, compiler, (t) => {
  const draw = new Draw(new SeededRandom(`kernel ${seed}`));
  const count = isFull ? 200_000 : 10_000;
  let refused = 0;
  let dropped = 0;
  let kept = 0;
  for (let done = 0; done < count; done += 10_000) {
    const cases = Array.from({ length: 10_000 }, (): Case => ({
      program: randomProgram(draw), packets: Array.from({ length: 4 }, () => randomPacket(draw)),
    }));
    if (done === 0) cases.push(...[0, 1, 4096, 4097].map(returnsOf));
    askKernel(cases).forEach((theirs, i) => {
      const { program, packets } = cases[i] as Case;
      const ours = answer({ program, packets });
      const hex = packets.map((bytes) => Buffer.from(bytes).toString('hex')).join('\n');
      const describe = `${readableListing(program)}${hex}\n${checkProgram(program) ?? ''}`;
      equal(ours.errno, theirs.errno, describe);
      equal(ours.kept.join(), theirs.kept.join(), describe);
      if (theirs.errno !== 0) refused++;
      else for (const n of theirs.kept) n < 0 ? dropped++ : kept++;
    });
  }
  t.diagnostic(`${count} programs: ${refused} refused, ${kept} packets kept, ${dropped} dropped`);
  recordResult('filter-kernel', { programs: count, refused, kept, dropped, differences: 0 });
});

test('compiled filters run in the kernel, and keep what they keep here', compiler, (t) => {
  const packets = filterPackets(`kernel filters ${seed}`, LinkType.Ethernet, isFull ? 1000 : 60).map(({ bytes }) => bytes);
  const cases: Case[] = [];
  for (const expression of EXPRESSIONS) {
    try {
      cases.push({ program: compileFilter(expression), packets });
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
    }
  }
  askKernel(cases).forEach((theirs, i) => {
    const one = cases[i] as Case;
    equal(theirs.errno, 0, readableListing(one.program));
    equal(answer(one).kept.join(), theirs.kept.join(), readableListing(one.program));
  });
  t.diagnostic(`${cases.length} filters on ${packets.length} packets`);
});
