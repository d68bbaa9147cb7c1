/**
 * Compiled filters, run: what they mean, and the shape of their programs. test/interop/filter-verdicts.test.ts holds them
 * against libpcap's.
 */
import { equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteArraySource } from '../base/byte-source.ts';
import { SeededRandom } from '../base/random.ts';
import { LinkType } from '../wire/link-type.ts';
import { PacketFacts } from './ancillary.ts';
import { checkProgram } from './check.ts';
import { type CompileOptions, compileFilter } from './compile.ts';
import { FilterError } from './filter-error.ts';
import { Code } from './instruction.ts';
import { readableListing } from './listing.ts';
import { Filter, MachineRules } from './machine.ts';

/** A SYN from 10.0.0.1:40000 to 10.0.0.2:80. */
const SYN = Uint8Array.from([
  2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
  0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
  0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
]);

function passes(expression: string, bytes = SYN, options: CompileOptions = {}): boolean {
  const filter = new Filter(compileFilter(expression, options), MachineRules.Library);
  const facts = new PacketFacts();
  facts.length = bytes.length;
  return filter.run(new ByteArraySource(bytes), facts) > 0;
}

function complaint(expression: string, options: CompileOptions = {}): string {
  try {
    compileFilter(expression, options);
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
  return 'none';
}

test('what a SYN matches, and what it does not', () => {
  for (const yes of [
    '', 'ip', 'tcp', 'host 10.0.0.1', 'src 10.0.0.1 and dst 10.0.0.2', 'net 10', 'net 10.0.0.0/30', 'port 80', 'tcp dst port 80',
    'portrange 79-81', 'portrange 81-79', 'ip proto 6', 'ether proto 0x800', 'ether src 2:0:0:0:0:1', 'len = 54', 'less 54',
    'tcp[tcpflags] & tcp-syn != 0', 'tcp[13] = 2', 'ip[ip[0] & 15] = 1', '(tcp[12] & 0xf0) >> 2 = 20', 'not udp', 'port 22 or 80',
  ]) ok(passes(yes), yes);
  for (const no of [
    'ip6', 'udp', 'host 10.0.0.3', 'src 10.0.0.2', 'net 11', 'port 81', 'src port 80', 'udp port 80', 'portrange 1-79', 'arp',
    'broadcast', 'multicast', 'vlan', 'greater 55', 'not tcp', 'tcp[13] = 18', 'ether dst 2:0:0:0:0:1', 'ip[100] = 0', 'port 22 or 81',
  ]) ok(!passes(no), no);
});

test('live, the outermost tag is taken out of the frame or is not: both are found, and what stands behind is moved or is not', () => {
  const tagged = Uint8Array.from([...SYN.subarray(0, 12), 0x81, 0, 0x20, 5, ...SYN.subarray(12)]);
  const live = (expression: string, bytes: Uint8Array, tag: number): boolean => {
    const program = compileFilter(expression, { isLive: true });
    equal(checkProgram(program), null, expression);
    const facts = new PacketFacts();
    facts.length = bytes.length;
    facts.vlanTagPresent = tag >= 0;
    facts.vlanTag = Math.max(tag, 0);
    return new Filter(program).run(new ByteArraySource(bytes), facts) > 0;
  };
  for (const [bytes, tag] of [[SYN, 0x2005], [tagged, -1]] as const) {
    for (const yes of ['vlan', 'vlan 5', 'vlan and tcp', 'vlan 5 and host 10.0.0.1', '(vlan and udp) or tcp', 'vlan 7 or not vlan']) {
      ok(live(yes, bytes, tag), `${yes}, tag ${tag}`);
    }
    for (const no of ['not vlan', 'vlan 7', 'vlan and udp', 'vlan 5 and vlan 7', 'vlan and not tcp']) ok(!live(no, bytes, tag), `${no}, tag ${tag}`);
  }
  ok(live('vlan 7 and vlan 5 and tcp port 80', tagged, 7));
  ok(!live('vlan 5 and vlan 7', tagged, 7));
  // What was never asked for its tag is read as one without.
  ok(live('(udp and vlan) or tcp', SYN, -1));
  ok(!live('(tcp and vlan) or tcp', SYN, -1));
  ok(readableListing(compileFilter('vlan 5', { isLive: true })).startsWith('(000) ldb      [vlanp]\n(001) jeq      #0x1'));
});

test('`vlan` moves what stands behind it', () => {
  const tagged = Uint8Array.from([...SYN.subarray(0, 12), 0x81, 0, 0x20, 5, ...SYN.subarray(12)]);
  const twice = Uint8Array.from([...SYN.subarray(0, 12), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, ...SYN.subarray(12)]);
  equal(passes('ip', tagged), false);
  equal(passes('vlan and ip', tagged), true);
  equal(passes('vlan 5 and tcp port 80 and ip[0] = 0x45', tagged), true);
  equal(passes('vlan 6', tagged), false);
  equal(passes('vlan and vlan', tagged), false);
  equal(passes('vlan 7 and vlan 5 and host 10.0.0.1', twice), true);
  // Written first, looked at second: only what is behind the word moves.
  equal(passes('ether proto 0x8100 and vlan and ip', tagged), true);
});

test('link types: the same packet in each wrapping', () => {
  const packet = SYN.subarray(14);
  const wrapped: readonly [number, number[], CompileOptions][] = [
    [LinkType.Raw, [], {}],
    [LinkType.Ipv4, [], {}],
    [LinkType.LinuxSll, [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], {}],
    [LinkType.LinuxSll2, [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0], {}],
    [LinkType.Null, [2, 0, 0, 0], {}],
    [LinkType.Null, [0, 0, 0, 2], { isLittleEndian: false }],
    [LinkType.Loop, [0, 0, 0, 2], {}],
  ];
  for (const [linkType, header, more] of wrapped) {
    const bytes = Uint8Array.from([...header, ...packet]);
    const options = { linkType, ...more };
    ok(passes('tcp dst port 80 and src host 10.0.0.1 and tcp[13] = 2', bytes, options), `link type ${linkType}`);
    ok(!passes('udp', bytes, options), `link type ${linkType}`);
  }
  const cooked = Uint8Array.from([...(wrapped[2] as (typeof wrapped)[number])[1], ...packet]);
  equal(passes('outbound', cooked, { linkType: LinkType.LinuxSll }), true);
  equal(passes('inbound', cooked, { linkType: LinkType.LinuxSll }), false);
});

test('names come from the caller; without tables they are unknown', () => {
  const names = {
    port: (name: string, protocol: string): number | null => (name === 'http' && protocol === 'tcp' ? 80 : null),
    host: (name: string): string[] | null => (name === 'client' ? ['2001:db8::1', '10.0.0.1'] : null),
    network: (name: string): string | null => (name === 'office' ? '10' : null),
    protocol: (name: string): number | null => (name === 'mine' ? 6 : null),
    ethernetHost: (name: string): Uint8Array | null => (name === 'client' ? Uint8Array.of(2, 0, 0, 0, 0, 1) : null),
  };
  for (const yes of [
    'port http', 'tcp port http', 'portrange http-81', 'host client', 'src client', 'net office', 'ip proto mine', 'ether src client',
  ]) {
    ok(passes(yes, SYN, { names }), yes);
    ok(complaint(yes).startsWith('unknown') || complaint(yes).includes('no range'), `${yes}: ${complaint(yes)}`);
  }
  equal(passes('dst client', SYN, { names }), false);
  equal(complaint('udp port http', { names }), "port 'http' is one of tcp, not of udp");
  equal(complaint('arp host client', { names: { host: () => ['::1'] } }), "unknown host 'client' for arp");
});

test('ip broadcast takes the netmask', () => {
  const toBroadcast = SYN.slice();
  toBroadcast.set([10, 0, 0, 255], 30);
  equal(passes('ip broadcast', toBroadcast), false);
  equal(passes('ip broadcast', toBroadcast, { netmask: 0xffffff00 }), true);
  equal(passes('ip broadcast', SYN, { netmask: 0xffffff00 }), false);
});

test('the program keeps as many bytes as asked', () => {
  equal(compileFilter('tcp', { snapLen: 96 }).find(({ code, k }) => code === Code.Return && k > 0)?.k, 96);
  equal(readableListing(compileFilter('')), '(000) ret      #262144\n');
  equal(readableListing(compileFilter('ip or not ip')), '(000) ret      #262144\n');
});

test('what is known is not tested again, what is loaded not loaded', () => {
  equal(
    readableListing(compileFilter('tcp port 80 or tcp port 80')),
    readableListing(compileFilter('tcp port 80')),
  );
  const loads = compileFilter('ip[0] = 1 or ip[0] = 2 or ip[0] = 3').filter(({ code }) => code === Code.LoadByte);
  equal(loads.length, 1);
});

test('what contradicts itself is refused, as by libpcap', () => {
  for (const expression of ['ip and arp', 'tcp and udp', 'host 10.0.0.1 and ip6', '1 = 2', 'ip[0] = 5 and ip[0] > 5']) {
    equal(complaint(expression), 'no packet can pass this filter', expression);
  }
  equal(complaint('arp', { linkType: LinkType.Raw }), 'no packet can pass this filter');
});

test('errors carry the place of the word', () => {
  throws(() => compileFilter('tcp and port nosuch'), (error) => error instanceof FilterError && error.at === 13);
  throws(() => compileFilter('tcp and (ip[0] / 0 = 1)'), (error) => error instanceof FilterError && error.at === 15);
  equal(complaint('tcp', { linkType: 147 }), 'there are no filters for link type 147');
});

test('jumps farther than 255 instructions: long lists work, too long ones are refused', () => {
  const hosts = (n: number): string => `host ${Array.from({ length: n }, (_, i) => `10.9.${i >> 8}.${i & 255}`).join(' or ')} or 10.0.0.2`;
  for (const n of [50, 85, 100, 120, 124, 125, 126, 127, 128, 129, 200, 400, 750]) {
    const program = compileFilter(hosts(n));
    equal(checkProgram(program), null);
    ok(passes(hosts(n)), `${n} hosts`);
    ok(!passes(`${hosts(n)} or 10.9.9.9`, SYN.map((byte, i) => (i === 29 || i === 33 ? 77 : byte))), `${n} hosts`);
    ok(passes(`not (${hosts(n)})`, SYN.map((byte, i) => (i === 29 || i === 33 ? 77 : byte))), `not ${n} hosts`);
  }
  ok(/4096 is the most/.test(complaint(hosts(4000))));
});

test('deep arithmetic does not run out of scratch words', () => {
  const nested = (depth: number): string => (depth === 0 ? 'ip[8]' : `(${nested(depth - 1)} - ${nested(depth - 1)})`);
  equal(checkProgram(compileFilter(`${nested(8)} = 0`)), null);
  ok(passes(`${nested(8)} = 0`));
  ok(passes(`${'ip[8] + '.repeat(900)} 0 = ${64 * 900}`));
});

/* ---- Properties ---- */

const OPERATORS = ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>'] as const;

interface Expected {
  readonly text: string;
  /** Null: the packet is dropped (a division by zero). */
  readonly value: number | null;
  /** What would drop it is combined with a zero somewhere, and need not be computed. */
  readonly vanishes?: boolean;
}

const { expression } = fc.letrec<{ expression: Expected; leaf: Expected; binary: Expected; negated: Expected }>((tie) => ({
  leaf: fc.oneof(
    fc.nat(70).map((value): Expected => ({ text: String(value), value })),
    fc.nat(53).map((at): Expected => ({ text: `ether[${at}]`, value: SYN[at] as number })),
    fc.nat(50).map((at): Expected => ({ text: `ether[${at}:4]`, value: new DataView(SYN.buffer).getUint32(at) })),
    fc.constant<Expected>({ text: 'len', value: SYN.length }),
  ),
  negated: tie('expression').map(({ text, value, vanishes = false }): Expected => ({
    text: `-(${text})`, value: value === null ? null : -value >>> 0, vanishes,
  })),
  binary: fc.tuple(tie('expression'), fc.constantFrom(...OPERATORS), tie('expression')).map(([left, operator, right]): Expected => ({
    text: `(${left.text}) ${operator} (${right.text})`,
    value: left.value === null || right.value === null ? null : calculate(operator, left.value, right.value),
    vanishes: left.vanishes === true || right.vanishes === true || (left.value === null && right.value === 0) || (left.value === 0 && right.value === null),
  })),
  expression: fc.oneof({ depthSize: 'medium' }, tie('leaf'), tie('binary'), tie('negated')),
}));

function calculate(operator: (typeof OPERATORS)[number], left: number, right: number): number | null {
  const [a, b] = [BigInt(left), BigInt(right)];
  switch (operator) {
    case '+':
      return Number(BigInt.asUintN(32, a + b));
    case '-':
      return Number(BigInt.asUintN(32, a - b));
    case '*':
      return Number(BigInt.asUintN(32, a * b));
    case '/':
      return b === 0n ? null : Number(a / b);
    case '%':
      return b === 0n ? null : Number(a % b);
    case '&':
      return Number(a & b);
    case '|':
      return Number(a | b);
    case '^':
      return Number(a ^ b);
    case '<<':
      return b > 31n ? 0 : Number(BigInt.asUintN(32, a << b));
    case '>>':
      return b > 31n ? 0 : Number(a >> b);
  }
}

test('arithmetic means what it means', () => {
  fc.assert(
    fc.property(expression, ({ text, value, vanishes = false }) => {
      let equals: boolean;
      try {
        equals = passes(`${text} = ${value ?? 0}`);
      } catch (error) {
        // Constant divisions by zero, constant shifts by more than 31, and what is false once and for all.
        return error instanceof FilterError && /^(division by zero|a shift by|no packet can pass)/.test(error.message);
      }
      // A product with zero is not computed, nor what it would have dropped.
      return equals === (value !== null) || (value === null && (vanishes || /0/.test(text)));
    }),
    { numRuns: 2000 },
  );
});

const WORDS = (
  'tcp udp ip ip6 arp ether host net port portrange src dst proto and or not && || ! ( ) [ ] : = != < > <= >= + - * / % & | ^ << >> ' +
  '0 1 13 80 80-90 10.0.0.1 10 /8 mask ::1 2:0:0:0:0:1 foo \\tcp vlan less greater len broadcast multicast inbound tcp-syn 0x50 09 @'
).split(' ');

test('any row of words is compiled or refused with a place inside it, and what is compiled the checker takes', () => {
  const random = new SeededRandom('words');
  const draw = (n: number): number => (random.int32() >>> 0) % n;
  let compiled = 0;
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + draw(9) }, () => WORDS[draw(WORDS.length)]).join(' ');
    try {
      equal(checkProgram(compileFilter(text)), null, text);
      compiled++;
    } catch (error) {
      if (!(error instanceof FilterError)) throw new Error(`'${text}'`, { cause: error });
      ok(error.at >= 0 && error.at <= text.length && error.message.length > 10, text);
    }
  }
  ok(compiled > 100, `${compiled} compiled`);
});

test('a compiled filter never throws at a packet cut anywhere', () => {
  const filters = ['port 80', 'tcp[tcpflags] & 2 != 0', 'host 10.0.0.1', 'ip[ip[0]] = 0', 'vlan and tcp port 80', 'ether host 2:0:0:0:0:1']
    .map((text) => new Filter(compileFilter(text)));
  for (let cut = 0; cut <= SYN.length; cut++) {
    for (const filter of filters) {
      const kept = filter.run(new ByteArraySource(SYN.subarray(0, cut)), new PacketFacts());
      ok(kept === 0 || kept === 262_144);
    }
  }
});

test('however much of something there is, a filter is compiled or refused, with a place in it', () => {
  const inside: readonly (readonly [before: string, after: string])[] = [
    ['- ', ''], ['-', ''], ['(', ')'], ['not ', ''], ['!', ''], ['not (', ')'], ['ip[', ']'], ['-(', ')'], ['1 + ', ''], ['1 ^ (', ')'], ['(1 - ', ')'],
    ['', ' + len'], ['', ' * len'], ['', ' ^ len'], ['', ' + (len)'], ['', ' + ip[0]'], ['', ' - -1'], ['', ' and tcp'], ['', ' or 2'], ['', ' and vlan'],
    ['tcp or not ', ''], ['port ', ''], ['vlan or (', ')'], ['', ' and ip or not udp'], ['(', ' + 1)'], ['tcp and (', ' or udp)'],
  ];
  const cores = ['1', 'len', 'tcp', 'port 1', '1 = 1', 'ip[0] = 1', 'vlan', '(tcp)', 'host ::1', ''];
  const tails = ['', ' = 1', ' > len', ' and udp', ') = 1', '('];
  const random = new SeededRandom('repetitions');
  const pick = <T>(list: readonly T[]): T => list[(random.int32() >>> 0) % list.length] as T;
  const counts = { compiled: 0, refused: 0 };
  const attempt = (text: string): void => {
    try {
      compileFilter(text, { isLive: counts.compiled % 2 === 0 });
      counts.compiled++;
    } catch (error) {
      ok(error instanceof FilterError && error.at >= 0 && error.at <= text.length && error.message !== '', `${String(error)}: ${text.slice(0, 100)}`);
      counts.refused++;
    }
  };
  const repeated = ([before, after]: readonly [string, string], times: number, core: string): string =>
    before.repeat(times) + core + after.repeat(times);
  for (const pair of inside) {
    for (const core of cores) for (const tail of tails.slice(0, 3)) attempt(repeated(pair, 4000, core) + tail);
    attempt(repeated(pair, 100_000, 'tcp'));
  }
  for (let i = 0; i < 400; i++) {
    let text = pick(cores);
    for (let layer = 0; layer < 3; layer++) text = repeated(pick(inside), [1, 2, 60, 199, 480][(random.int32() >>> 0) % 5] as number, text) + pick(tails);
    attempt(text);
  }
  ok(counts.compiled > 40 && counts.refused > 500, JSON.stringify(counts));
});
