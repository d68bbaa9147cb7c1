/**
 * Filters on the device `any`: the program that goes into a packet socket without link headers gives the verdicts of the
 * program for the cooked capture that the packets then stand in, for every expression and packet.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArraySource } from '../../src/base/byte-source.ts';
import { PacketFacts } from '../../src/bpf/ancillary.ts';
import { checkProgram } from '../../src/bpf/check.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { FilterError } from '../../src/bpf/filter-error.ts';
import type { Instruction } from '../../src/bpf/instruction.ts';
import { Filter } from '../../src/bpf/machine.ts';
import { COOKED2_LEN, forCookedSocket } from '../../src/bpf/packet-socket.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { seed } from '../results.ts';
import { EXPRESSIONS } from './filter-expressions.ts';
import { filterPackets } from './filter-packets.ts';

function compiled(expression: string): readonly Instruction[] | null {
  try {
    return compileFilter(expression, { linkType: LinkType.LinuxSll2 });
  } catch (error) {
    if (error instanceof FilterError) return null;
    throw error;
  }
}

test('every filter that a packet socket can run says what it says of the cooked capture', () => {
  const packets = filterPackets(String(seed), LinkType.LinuxSll2, 300).filter(({ bytes }) => bytes.length > COOKED2_LEN);
  const [whole, bare] = [new ByteArraySource(), new ByteArraySource()];
  const [wholeFacts, bareFacts] = [new PacketFacts(), new PacketFacts()];
  let run = 0;
  let passed = 0;
  for (const expression of EXPRESSIONS) {
    const program = compiled(expression);
    const fixed = program === null ? null : forCookedSocket(program);
    if (program === null || fixed === null) continue;
    run++;
    equal(checkProgram(fixed), null, `the kernel takes ${expression}`);
    // Both by the kernel's rules: libpcap shifts by 32 and more in another way.
    const cooked = new Filter(program);
    const socket = new Filter(fixed);
    for (const [i, { bytes, length }] of packets.entries()) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      whole.bytes = bytes;
      wholeFacts.length = length;
      bare.bytes = bytes.subarray(COOKED2_LEN);
      bareFacts.length = length - COOKED2_LEN;
      bareFacts.protocol = view.getUint16(0);
      bareFacts.interfaceIndex = view.getInt32(4);
      bareFacts.hardwareType = view.getUint16(8);
      bareFacts.packetType = bytes[10] as number;
      const verdict = cooked.run(whole, wholeFacts) !== 0;
      if (verdict) passed++;
      equal(socket.run(bare, bareFacts) !== 0, verdict, `${expression}: packet ${i}`);
    }
  }
  ok(run > 200 && passed > 1000, `${run} filters, ${passed} verdicts for a packet`);
});

test('what only the header has, or the length, is for whoever captures to ask', () => {
  for (const expression of ['less 100', 'len > 50 and tcp', 'ether[0] = 1']) {
    const program = compiled(expression);
    ok(program === null || forCookedSocket(program) === null, expression);
  }
  ok(forCookedSocket(compiled('tcp port 9502') as Instruction[]) !== null);
  ok(forCookedSocket(compiled('inbound') as Instruction[]) !== null);
});
