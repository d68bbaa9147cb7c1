/**
 * IGMP and MLD in virtual time: queries while an answer is pending, changes while others are still being said, queriers of
 * old versions. What a real kernel says to the same: test/interop/multicast.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../base/inet-address.ts';
import { AddressScope } from './interface.ts';
import { FilterMode } from './group-membership.ts';
import { igmpFrame, owner, query, type Said, said, wordsOf } from './test-groups.ts';
import { completeIcmp6, ipv6Frame, type Ipv6Fields, type Probe, probe } from './testing.ts';

const GROUP = IpAddress.from('239.1.2.3');
const OTHER = IpAddress.from('239.1.2.4');
const group = GROUP.toString();
const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text) => IpAddress.from(text)) as [IpAddress, IpAddress, IpAddress];
const { Include, Exclude } = FilterMode;
const SECOND = 1e6;

/** A host that includes these sources of GROUP, and has said so. */
function including(seed: string, ...sources: readonly IpAddress[]): Probe {
  const t = probe(seed);
  t.network.groups.join(owner(t), GROUP, Include);
  for (const source of sources) t.network.groups.changeSource(owner(t), GROUP, Include, source, true);
  t.run(3 * SECOND);
  said(t);
  return t;
}

function joined(seed = 'joined'): Probe {
  const t = probe(seed);
  t.network.joinGroup(t.device, GROUP);
  t.run(3 * SECOND);
  said(t);
  return t;
}

for (const [kind, fields] of [['general queries', {}], ['queries for a group', { group }]] as const) {
  test(`RFC 3376 5.2: of two ${kind} the earlier answer goes out, and no second one`, () => {
    for (const [first, second] of [[1, 100], [100, 1]] as const) {
      for (let seed = 0; seed < 10; seed++) {
        const t = joined(`${kind} ${seed}`);
        const start = t.loop.now;
        t.device.inject(query({ ...fields, tenths: first }));
        t.device.inject(query({ ...fields, tenths: second }));
        t.run(12 * SECOND);
        const answers = said(t);
        assert.deepEqual(answers.map(({ words }) => words), [['2 239.1.2.3']]);
        assert.ok((answers[0] as Said).at - start <= 110_000, `${first}, ${second}: ${(answers[0] as Said).at - start}`);
      }
    }
  });
}

test('RFC 3376 5.2: answers to a general query and to one for a group are two; each to one for sources grows', () => {
  const t = including('merging', A, B, C);
  t.device.inject(query({ group, sources: [A] }));
  t.device.inject(query({ group, sources: [B, IpAddress.from('10.0.0.9')] }));
  t.device.inject(query());
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t).sort(), ['1 239.1.2.3 10.0.0.1 10.0.0.2', '1 239.1.2.3 10.0.0.1 10.0.0.2 10.0.0.3']);
  // What was asked for is not remembered when it is answered.
  t.device.inject(query({ group, sources: [C] }));
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['1 239.1.2.3 10.0.0.3']);
  // Rule 4: with an answer for the whole group pending, one for sources adds nothing, and takes nothing away.
  t.device.inject(query({ group }));
  t.device.inject(query({ group, sources: [A] }));
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['1 239.1.2.3 10.0.0.1 10.0.0.2 10.0.0.3']);
  // And the other way round.
  t.device.inject(query({ group, sources: [A] }));
  t.device.inject(query({ group }));
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['1 239.1.2.3 10.0.0.1 10.0.0.2 10.0.0.3']);
  // The next one for sources is again for them alone.
  t.device.inject(query({ group, sources: [B] }));
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['1 239.1.2.3 10.0.0.2']);
});

test('RFC 3376 5.2: who excludes sources answers a query for sources unless all of them are excluded', () => {
  const t = probe();
  const { groups } = t.network;
  groups.join(owner(t), GROUP);
  for (const source of [A, B]) groups.changeSource(owner(t), GROUP, Exclude, source, true);
  t.run(3 * SECOND);
  said(t);
  const answer = (...sources: IpAddress[]): string[] => {
    t.device.inject(query({ group, sources }));
    t.run(2 * SECOND);
    return wordsOf(t);
  };
  assert.deepEqual(answer(A), []);
  assert.deepEqual(answer(A, B), []);
  assert.deepEqual(answer(A, C), ['2 239.1.2.3 10.0.0.1 10.0.0.2']);
  assert.deepEqual(answer(C), ['2 239.1.2.3 10.0.0.1 10.0.0.2']);
  // Somebody else includes one of them: that one is excluded no more.
  groups.join(owner(t), GROUP, Include);
  groups.changeSource(owner(t), GROUP, Include, A, true);
  t.run(3 * SECOND);
  said(t);
  assert.deepEqual(answer(A), ['2 239.1.2.3 10.0.0.2']);
});

test('RFC 3376 5.1: a source that comes back while its going is still said is said to be there alone', () => {
  const t = including('back', A, B);
  const { groups } = t.network;
  groups.changeSource(owner(t), GROUP, Include, A, false);
  t.run(20_000);
  assert.deepEqual(wordsOf(t), ['6 239.1.2.3 10.0.0.1']);
  groups.changeSource(owner(t), GROUP, Include, A, true);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['5 239.1.2.3 10.0.0.1', '5 239.1.2.3 10.0.0.1']);
});

test('RFC 3376 5.1: a change of mode says the sources too, which are not said besides', () => {
  const t = including('mode', A);
  const { groups } = t.network;
  groups.changeSource(owner(t), GROUP, Include, B, true);
  groups.change(owner(t), GROUP, Include, [A, B], Exclude, [C]);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['4 239.1.2.3 10.0.0.3', '4 239.1.2.3 10.0.0.3']);
  groups.changeSource(owner(t), GROUP, Exclude, A, true);
  groups.change(owner(t), GROUP, Exclude, [A, C], Include, [A]);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['3 239.1.2.3 10.0.0.1', '3 239.1.2.3 10.0.0.1']);
});

test('a source that no filter lets through or out for the interface goes without a word', () => {
  const t = probe();
  const { groups } = t.network;
  groups.join(owner(t), GROUP);
  groups.join(owner(t), GROUP);
  t.run(3 * SECOND);
  said(t);
  // One of two EXCLUDE filters names it: it is heard before and after.
  groups.changeSource(owner(t), GROUP, Exclude, A, true);
  groups.changeSource(owner(t), GROUP, Exclude, A, false);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), []);
});

test('RFC 3376 5.1: leaving sources is said of every one, also of those that went just before; who joins again takes that over', () => {
  const t = including('leaving', A, B);
  const { groups } = t.network;
  groups.changeSource(owner(t), GROUP, Include, A, false);
  groups.leave(owner(t), GROUP, Include, [B]);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t).flatMap((words) => words.split(' ').slice(2).map((source) => `${words.slice(0, 1)} ${source}`)).sort(), [
    '6 10.0.0.1', '6 10.0.0.1', '6 10.0.0.2', '6 10.0.0.2',
  ]);
  const back = including('leaving', A, B);
  back.network.groups.leave(owner(back), GROUP, Include, [A, B]);
  back.run(20_000);
  assert.deepEqual(wordsOf(back), ['6 239.1.2.3 10.0.0.2 10.0.0.1']);
  back.network.groups.join(owner(back), GROUP, Include);
  back.network.groups.changeSource(owner(back), GROUP, Include, B, true);
  back.run(3 * SECOND);
  assert.deepEqual(wordsOf(back), ['5 239.1.2.3 10.0.0.2', '6 239.1.2.3 10.0.0.1', '5 239.1.2.3 10.0.0.2']);
});

test('RFC 3376 8.1: changes are said as often as the querier asks, farewells too when it asks for less meanwhile', () => {
  const t = joined();
  t.device.inject(query({ robustness: 4 }));
  t.run(2 * SECOND);
  said(t);
  t.network.leaveGroup(t.device, GROUP);
  t.run(20_000);
  assert.deepEqual(wordsOf(t), ['3 239.1.2.3']);
  t.device.inject(query({ robustness: 1 }));
  t.network.joinGroup(t.device, OTHER);
  t.run(20 * SECOND);
  assert.deepEqual(wordsOf(t).sort(), ['2 239.1.2.4', '3 239.1.2.3', '3 239.1.2.3', '3 239.1.2.3', '4 239.1.2.4']);
  // One that does not say leaves it to the host.
  t.device.inject(query({ robustness: 0 }));
  t.run(2 * SECOND);
  said(t);
  t.network.leaveGroup(t.device, OTHER);
  t.run(5 * SECOND);
  assert.deepEqual(wordsOf(t), ['3 239.1.2.4', '3 239.1.2.4']);
  // A device that has been down knows no querier.
  t.device.inject(query({ robustness: 5 }));
  t.run(2 * SECOND);
  for (const up of [false, true]) {
    t.device.up = up;
    t.network.deviceChanged(t.device);
  }
  t.network.joinGroup(t.device, GROUP);
  t.run(10 * SECOND);
  assert.deepEqual(wordsOf(t), ['4 239.1.2.3', '4 239.1.2.3']);
});

/** Which version is spoken: what joining a group says. */
function versionOf(t: Probe): string {
  said(t);
  t.network.joinGroup(t.device, OTHER);
  t.run(0.5 * SECOND);
  const [words] = wordsOf(t);
  t.network.leaveGroup(t.device, OTHER);
  t.run(0.5 * SECOND);
  said(t);
  return (words as string).split(' ')[0] as string;
}

for (const [name, fields, lasts] of [
  // The response time is Linux's default, whatever the query says.
  ['as the querier of version 3 said', { robustness: 3, interval: 60, tenths: 120 }, 3 * 60 + 10],
  ['with an interval of two seconds', { robustness: 2, interval: 2, tenths: 5 }, 2 * 2 + 1],
  ['with the defaults for what it did not say', { robustness: 0, interval: 0, tenths: 100 }, 2 * 125 + 10],
  ['with a response time below the interval', { robustness: 2, interval: 10, tenths: 120 }, 2 * 10 + 9],
] as const) {
  test(`RFC 3376 8.12: an old querier counts for robustness times the interval and one response, ${name}`, () => {
    const t = probe();
    t.device.inject(query(fields));
    t.run(30 * SECOND);
    t.device.inject(query({ isShort: true, tenths: 1 }));
    t.run((lasts - 2) * SECOND);
    assert.equal(versionOf(t), '16');
    t.run(1.5 * SECOND);
    assert.equal(versionOf(t), '4');
  });
}

test('RFC 3376 7.2.1: a query of an old version ends what was to be said in the new one', () => {
  const t = including('old', A, B);
  const { groups } = t.network;
  // Pending: an answer to a general query, the repetition of a change, a farewell.
  t.network.joinGroup(t.device, OTHER);
  t.run(3 * SECOND);
  t.device.inject(query({ tenths: 100 }));
  groups.changeSource(owner(t), GROUP, Include, A, false);
  groups.changeSource(owner(t), GROUP, Include, C, true);
  t.network.leaveGroup(t.device, OTHER);
  t.run(10_000);
  said(t);
  t.device.inject(query({ isShort: true, tenths: 1 }));
  t.run(20 * SECOND);
  assert.deepEqual(wordsOf(t), ['16 239.1.2.3']);
  // What has gone is not told when the new version is spoken again; what has come is, as by Linux.
  t.run(300 * SECOND);
  t.network.joinGroup(t.device, OTHER);
  t.run(3 * SECOND);
  assert.deepEqual(wordsOf(t), ['5 239.1.2.3 10.0.0.3', '4 239.1.2.4', '4 239.1.2.4']);
});

test('RFC 1112, RFC 3376 7.2.1: a query of version 1 is for all groups, with ten seconds for the answer; so is a newer one then', () => {
  const t = joined();
  t.network.joinGroup(t.device, OTHER);
  t.run(3 * SECOND);
  said(t);
  const both = ['12 239.1.2.3', '12 239.1.2.4'];
  t.device.inject(query({ isShort: true, tenths: 0, group }));
  t.run(11 * SECOND);
  assert.deepEqual(wordsOf(t).sort(), both);
  let latest = 0;
  for (let i = 0; i < 10; i++) {
    const start = t.loop.now;
    t.device.inject(query({ group, tenths: 1 }));
    t.run(11 * SECOND);
    const answers = said(t);
    assert.deepEqual(answers.flatMap(({ words }) => words).sort(), both);
    latest = Math.max(latest, ...answers.map(({ at }) => at - start));
  }
  assert.ok(latest > 3 * SECOND, `${latest}: whatever the newer one says of time`);
});

test('RFC 2236 3: a report is repeated as often as igmp_qrv says; an answer, or the report of another, ends that', () => {
  const report = (to = group): Uint8Array => {
    const message = new Uint8Array(8);
    message[0] = 0x16;
    message.set(GROUP.toBytes(), 4);
    return igmpFrame(message, to);
  };
  const start = (): Probe => {
    const t = probe();
    t.network.settings.set('net.ipv4.igmp_qrv', 4);
    t.network.settings.set('net.ipv4.conf.eth0.force_igmp_version', 2);
    t.network.joinGroup(t.device, GROUP);
    t.run(20_000);
    assert.deepEqual(wordsOf(t), ['16 239.1.2.3']);
    return t;
  };
  const alone = start();
  alone.run(60 * SECOND);
  assert.equal(wordsOf(alone).length, 3);
  const asked = start();
  asked.device.inject(query({ isShort: true, tenths: 1 }));
  asked.run(60 * SECOND);
  assert.equal(wordsOf(asked).length, 1);
  const heard = start();
  heard.device.inject(report());
  heard.run(60 * SECOND);
  assert.equal(wordsOf(heard).length, 0);
  heard.device.inject(query({ isShort: true, tenths: 1 }));
  heard.run(60 * SECOND);
  assert.equal(wordsOf(heard).length, 1, 'and it does not begin anew after an answer');
});

test('a report to this host alone silences nobody', () => {
  const t = probe();
  t.device.inject(query({ isShort: true }));
  t.run(2 * SECOND);
  t.network.joinGroup(t.device, GROUP);
  t.run(30 * SECOND);
  said(t);
  t.device.inject(query({ isShort: true, tenths: 50 }));
  const message = new Uint8Array(8);
  message[0] = 0x16;
  message.set(GROUP.toBytes(), 4);
  t.device.inject(igmpFrame(message, '192.0.2.1', { macHi: 0x0200, macLo: 1 }));
  t.run(6 * SECOND);
  assert.deepEqual(wordsOf(t), ['16 239.1.2.3']);
});

test('a device that goes down answers no query that it had heard', () => {
  const t = joined();
  t.device.inject(query({ tenths: 50 }));
  t.device.inject(query({ group, tenths: 50 }));
  t.device.up = false;
  t.network.deviceChanged(t.device);
  assert.equal(t.network.context.timers.queue.size, 0);
  t.run(10 * SECOND);
  assert.deepEqual(wordsOf(t), []);
});

test('reports come from an address that means something on the link', () => {
  const t = probe();
  t.network.removeAddress(t.device, IpAddress.from('192.0.2.1'));
  t.network.addAddress(t.device, IpAddress.from('192.0.2.7'), 32, { scope: AddressScope.Host });
  t.network.joinGroup(t.device, GROUP);
  t.run(20_000);
  const frame = t.device.sent.map(({ bytes }) => bytes).find((bytes) => bytes[12] === 8 && bytes[23] === 2) as Uint8Array;
  assert.deepEqual([...frame.subarray(26, 30)], [0, 0, 0, 0]);
});

test('RFC 3376 3.2: nobody is no source that could be excluded', () => {
  const t = including('nobody', A);
  const [member] = owner(t).groups.filter((known) => known.group.equals(GROUP));
  assert.deepEqual([A, B, IpAddress.from('0.0.0.0')].map(({ a, b, c, d }) => member?.accepts(a, b, c, d)), [true, false, true]);
});

// MLD.

const GROUP6 = IpAddress.from('ff15::7');
const HOST6 = 'fe80::ff:fe00:1';

/** MLD messages among what was sent: `TYPE to ADDRESS: ...`, with the records of a report of version 2. */
function said6(t: Probe): string[] {
  const found: string[] = [];
  for (const bytes of t.take()) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint16(12) !== 0x86dd || bytes[20] !== 0) continue;
    const type = bytes[62] as number;
    const words = [];
    if (type === 143) {
      for (let i = view.getUint16(68), at = 70; i > 0; i--) {
        words.push(`${bytes[at]} ${IpAddress.readV6(view, at + 4)}`);
        at += 20 + 16 * view.getUint16(at + 2);
      }
    } else words.push(String(IpAddress.readV6(view, 70)));
    const name = words.filter((word) => word.endsWith(String(GROUP6)));
    if (name.length > 0) found.push(`${type} from ${IpAddress.readV6(view, 22)} to ${IpAddress.readV6(view, 38)}: ${name.join(', ')}`);
  }
  return found;
}

function mldFrame(type: number, maxResponse: number, named: IpAddress, isShort: boolean, fields: Ipv6Fields = {}): Uint8Array {
  const message = new Uint8Array(isShort ? 24 : 28);
  message[0] = type;
  new DataView(message.buffer).setUint16(4, maxResponse);
  message.set(named.toBytes6(), 8);
  return completeIcmp6(ipv6Frame(message, { src: 'fe80::9', dst: 'ff02::1', macHi: 0x3333, macLo: 1, hopLimit: 1, nextHeader: 58, ...fields }));
}

const ANY = IpAddress.from('::');
const query6 = (maxResponse: number, isShort: boolean, named = ANY): Uint8Array => mldFrame(130, maxResponse, named, isShort);

function joined6(): Probe {
  const t = probe();
  t.network.joinGroup(t.device, GROUP6);
  t.run(3 * SECOND);
  said6(t);
  return t;
}

test('RFC 2710 4: in version 1 a report goes to its group, a farewell to all routers, from the link-local address', () => {
  const t = joined6();
  t.device.inject(query6(100, true));
  t.run(SECOND);
  assert.deepEqual(said6(t), [`131 from ${HOST6} to ff15::7: ff15::7`]);
  t.network.leaveGroup(t.device, GROUP6);
  t.run(SECOND);
  assert.deepEqual(said6(t), [`132 from ${HOST6} to ff02::2: ff15::7`]);
  // The report of another silences ours, one of nobody or of our own does not.
  for (const [src, expected] of [['fe80::9', 0], ['::', 1], [HOST6, 1]] as const) {
    t.network.joinGroup(t.device, GROUP6);
    t.run(30 * SECOND);
    said6(t);
    t.device.inject(query6(5000, true));
    t.device.inject(mldFrame(131, 0, GROUP6, true, { src, dst: 'ff15::7', macLo: 7 }));
    t.run(6 * SECOND);
    assert.equal(said6(t).length, expected, src);
    t.network.leaveGroup(t.device, GROUP6);
    t.run(6 * SECOND);
    assert.equal(said6(t).length, expected, `farewell, ${src}`);
  }
});

test('RFC 3810 9.12: a querier of version 1 counts for what one of version 2 said, as far as Linux believes it', () => {
  /** A query of version 2 with its QRV and QQIC. */
  const said2 = (maxResponse: number, robustness: number, interval: number): Uint8Array => {
    const message = new Uint8Array(28);
    message[0] = 130;
    new DataView(message.buffer).setUint16(4, maxResponse);
    message[24] = robustness;
    message[25] = interval;
    return completeIcmp6(ipv6Frame(message, { src: 'fe80::9', dst: 'ff02::1', macHi: 0x3333, macLo: 1, hopLimit: 1, nextHeader: 58 }));
  };
  const t = joined6();
  const { groups } = t.network;
  const version = (): number => groups.reporter(owner(t), false).version;
  for (const [maxResponse, robustness, interval, lasts] of [
    [500, 3, 20, 3 * 20 + 0.5],
    // Zero changes nothing of the robustness; the interval is zero then.
    [30_000, 0, 0, 30],
    // Less than two is not believed; the response may take longer than the interval.
    [12_000, 1, 5, 2 * 5 + 12],
  ] as const) {
    t.device.inject(said2(maxResponse, robustness, interval));
    t.run(10_000);
    t.device.inject(query6(100, true));
    t.run((lasts - 0.1) * SECOND);
    assert.equal(version(), 1, `robustness ${robustness}`);
    t.run(0.2 * SECOND);
    assert.equal(version(), 2, `robustness ${robustness}`);
  }
});

test('force_mld_version 2 hears no querier of version 1; 1 needs none', () => {
  const t = joined6();
  t.network.settings.set('net.ipv6.conf.eth0.force_mld_version', 2);
  t.device.inject(query6(100, true));
  t.run(SECOND);
  assert.deepEqual(said6(t), []);
  t.device.inject(query6(100, false));
  t.run(SECOND);
  assert.deepEqual(said6(t), [`143 from ${HOST6} to ff02::16: 2 ff15::7`]);
  t.network.settings.set('net.ipv6.conf.eth0.force_mld_version', 1);
  t.device.inject(query6(100, false));
  t.run(SECOND);
  assert.deepEqual(said6(t), [`131 from ${HOST6} to ff15::7: ff15::7`]);
});

test('RFC 3810 6.2: a query for what is no group is counted, and not answered', () => {
  const t = joined6();
  const before = t.network.counters.get('NdInMalformed');
  t.device.inject(query6(100, false, IpAddress.from('2001:db8::1')));
  t.run(SECOND);
  assert.deepEqual([said6(t), t.network.counters.get('NdInMalformed') - before], [[], 1]);
});

test('RFC 3810 6: what stays on the interface is not reported', () => {
  const t = probe();
  t.network.joinGroup(t.device, IpAddress.from('ff11::7'));
  t.run(3 * SECOND);
  t.device.inject(query6(100, false));
  t.run(SECOND);
  assert.ok(t.take().every((bytes) => !Buffer.from(bytes).toString('hex').includes('ff110000000000000000000000000007')));
});
