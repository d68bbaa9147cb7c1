/** IGMP and MLD in virtual time: what is said when. What a real kernel says to the same: test/interop/multicast.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../base/inet-address.ts';
import { FilterMode } from './group-membership.ts';
import { igmpFrame, owner, query, type Said, said, wordsOf } from './test-groups.ts';
import { probe, ProbeDevice } from './testing.ts';

const GROUP = IpAddress.from('239.1.2.3');
const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text) => IpAddress.from(text)) as [IpAddress, IpAddress, IpAddress];

test('RFC 3376 5.1: a change is reported at once, and again within the unsolicited report interval', () => {
  const t = probe();
  const start = t.loop.now;
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  const reports = said(t);
  assert.deepEqual(reports.map(({ to, words }) => [to, ...words]), [1, 2].map(() => ['224.0.0.22', '4 239.1.2.3']));
  assert.ok((reports[0] as Said).at - start < 20_000);
  assert.ok((reports[1] as Said).at - (reports[0] as Said).at < 1_020_000);
  t.network.leaveGroup(t.device, GROUP);
  t.run(3e6);
  assert.deepEqual(wordsOf(t), ['3 239.1.2.3', '3 239.1.2.3']);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('igmp_qrv and the interval are settings; 224.0.0.1 is never reported, the others of 224.0.0.0/24 by a setting', () => {
  const t = probe();
  t.network.settings.set('net.ipv4.igmp_qrv', 4);
  t.network.settings.set('net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval', 100);
  t.network.joinGroup(t.device, GROUP);
  t.network.joinGroup(t.device, IpAddress.from('224.0.0.1'));
  t.network.joinGroup(t.device, IpAddress.from('224.0.0.251'));
  t.run(500_000);
  const four = ['4 239.1.2.3', '4 224.0.0.251'];
  assert.deepEqual(wordsOf(t), [...four, ...four, ...four, ...four]);
  t.network.settings.set('net.ipv4.igmp_link_local_mcast_reports', 0);
  t.network.leaveGroup(t.device, IpAddress.from('224.0.0.251'));
  t.run(500_000);
  assert.deepEqual(wordsOf(t), []);
});

test('RFC 3376 5.1: filters of one group add up, and only what changes for the interface is said', () => {
  const t = probe();
  const { groups } = t.network;
  const step = (change: () => void): string[] => {
    change();
    t.run(2e6);
    return [...new Set(wordsOf(t))];
  };
  assert.deepEqual(step(() => groups.join(owner(t), GROUP, FilterMode.Include)), []);
  assert.deepEqual(step(() => groups.changeSource(owner(t), GROUP, FilterMode.Include, A, true)), ['5 239.1.2.3 10.0.0.1']);
  assert.deepEqual(step(() => groups.change(owner(t), GROUP, FilterMode.Include, [A], FilterMode.Include, [B])), ['5 239.1.2.3 10.0.0.2', '6 239.1.2.3 10.0.0.1']);
  assert.deepEqual(step(() => groups.join(owner(t), GROUP)), ['4 239.1.2.3']);
  assert.deepEqual(step(() => groups.changeSource(owner(t), GROUP, FilterMode.Exclude, B, true)), [], 'another still includes it');
  assert.deepEqual(step(() => groups.changeSource(owner(t), GROUP, FilterMode.Exclude, C, true)), ['6 239.1.2.3 10.0.0.3']);
  assert.deepEqual(step(() => groups.changeSource(owner(t), GROUP, FilterMode.Exclude, C, false)), ['5 239.1.2.3 10.0.0.3']);
  assert.deepEqual(step(() => groups.leave(owner(t), GROUP, FilterMode.Exclude, [B])), ['3 239.1.2.3 10.0.0.2']);
  assert.deepEqual(step(() => groups.leave(owner(t), GROUP, FilterMode.Include, [B])), ['6 239.1.2.3 10.0.0.2']);
  assert.equal(groups.leave(owner(t), GROUP), -99);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('RFC 3376 5.1: who joins again while its farewell is still being said is there', () => {
  const t = probe();
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  said(t);
  t.network.leaveGroup(t.device, GROUP);
  t.run(20_000);
  assert.deepEqual(wordsOf(t), ['3 239.1.2.3']);
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  assert.deepEqual(wordsOf(t), ['4 239.1.2.3', '4 239.1.2.3']);
});

test('RFC 3376 5.2: answers come at a random time within the limit, and an earlier one stands for a later', () => {
  const delays = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const t = probe(`query ${seed}`);
    t.network.joinGroup(t.device, GROUP);
    t.run(3e6);
    said(t);
    const start = t.loop.now;
    t.device.inject(query({ tenths: 50 }));
    t.device.inject(query({ tenths: 50 }));
    t.run(6e6);
    const [answer, ...more] = said(t);
    assert.deepEqual([answer?.words, more.length], [['2 239.1.2.3'], 0]);
    const delay = (answer as Said).at - start;
    assert.ok(delay >= 0 && delay <= 5_010_000, `${delay}`);
    delays.add(Math.floor(delay / 1e6));
  }
  assert.ok(delays.size >= 4, 'all over the five seconds');
});

test('RFC 3376 5.2: a query for sources is answered with those of them that are wanted', () => {
  const t = probe();
  const { groups } = t.network;
  groups.join(owner(t), GROUP, FilterMode.Include);
  for (const source of [A, B]) groups.changeSource(owner(t), GROUP, FilterMode.Include, source, true);
  t.run(3e6);
  said(t);
  const answer = (...frames: Uint8Array[]): string[] => {
    for (const frame of frames) t.device.inject(frame);
    t.run(2e6);
    return wordsOf(t);
  };
  const group = GROUP.toString();
  assert.deepEqual(answer(query({ group, sources: [B, C] })), ['1 239.1.2.3 10.0.0.2']);
  assert.deepEqual(answer(query({ group, sources: [C] })), []);
  assert.deepEqual(answer(query({ group, sources: [A] }), query({ group, sources: [B] })), ['1 239.1.2.3 10.0.0.1 10.0.0.2']);
  assert.deepEqual(answer(query({ group, sources: [A] }), query({ group })), ['1 239.1.2.3 10.0.0.1 10.0.0.2']);
  assert.deepEqual(answer(query({ group: '239.9.9.9' })), []);
  assert.deepEqual(answer(query({ sources: [A] })), [], 'a general query names no sources');
});

test('RFC 3376 8.1: the robustness that a querier tells counts', () => {
  const t = probe();
  t.device.inject(query({ robustness: 5 }));
  t.run(2e6);
  t.network.joinGroup(t.device, GROUP);
  t.run(10e6);
  assert.equal(wordsOf(t).length, 5);
});

test('RFC 3376 7.2.1: with a version 2 querier version 2 is spoken, until it has not been heard for long', () => {
  const t = probe();
  t.device.inject(query({ isShort: true }));
  t.run(2e6);
  t.network.joinGroup(t.device, GROUP);
  t.run(30e6);
  assert.deepEqual(said(t).map(({ to, words }) => [to, ...words]), [1, 2].map(() => ['239.1.2.3', '16 239.1.2.3']));
  t.device.inject(query({ isShort: true, group: GROUP.toString() }));
  t.run(2e6);
  assert.deepEqual(wordsOf(t), ['16 239.1.2.3']);
  t.device.inject(query());
  t.run(2e6);
  assert.deepEqual(wordsOf(t), ['16 239.1.2.3'], 'a query of version 3 in between');
  t.network.leaveGroup(t.device, GROUP);
  t.run(2e6);
  assert.deepEqual(said(t).map(({ to, words }) => [to, ...words]), [['224.0.0.2', '17 239.1.2.3']]);
  // Robustness times the query interval, and one response.
  t.run(262e6);
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  assert.deepEqual(wordsOf(t), ['4 239.1.2.3', '4 239.1.2.3']);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('RFC 2236 3: the report of somebody else silences ours, and whoever did not report last leaves without a word', () => {
  const t = probe();
  t.device.inject(query({ isShort: true }));
  t.run(2e6);
  t.network.joinGroup(t.device, GROUP);
  t.run(30e6);
  said(t);
  t.device.inject(query({ isShort: true, tenths: 100 }));
  const message = new Uint8Array(8);
  message[0] = 0x16;
  new DataView(message.buffer).setInt32(4, GROUP.d);
  t.device.inject(igmpFrame(message, GROUP.toString()));
  t.run(11e6);
  assert.deepEqual(wordsOf(t), []);
  t.network.leaveGroup(t.device, GROUP);
  t.run(2e6);
  assert.deepEqual(wordsOf(t), []);
});

test('RFC 1112: a version 1 querier is answered in version 1, which has no word for leaving', () => {
  const t = probe();
  t.device.inject(query({ isShort: true, tenths: 0 }));
  t.run(11e6);
  t.network.joinGroup(t.device, GROUP);
  t.run(30e6);
  assert.deepEqual(wordsOf(t), ['12 239.1.2.3', '12 239.1.2.3']);
  t.network.leaveGroup(t.device, GROUP);
  t.run(2e6);
  assert.deepEqual(wordsOf(t), []);
});

test('force_igmp_version chooses the version without a querier', () => {
  const t = probe();
  t.network.settings.set('net.ipv4.conf.eth0.force_igmp_version', 2);
  t.network.joinGroup(t.device, GROUP);
  t.run(30e6);
  assert.deepEqual(wordsOf(t), ['16 239.1.2.3', '16 239.1.2.3']);
});

test('RFC 3376 4.2.16: what does not fit into one report goes into several; of what is excluded only the first part is told', () => {
  const t = probe();
  const many = Array.from({ length: 400 }, (_, i) => IpAddress.fromV4(0x0a010000 + i));
  for (let i = 0; i < 400; i++) t.network.joinGroup(t.device, IpAddress.fromV4((0xef020000 | 0) + i));
  t.run(20_000);
  const reports = said(t);
  assert.deepEqual([reports.length, new Set(reports.flatMap(({ words }) => words)).size], [3, 400]);
  t.run(3e6);
  said(t);
  const { groups } = t.network;
  groups.join(owner(t), GROUP, FilterMode.Include);
  groups.change(owner(t), GROUP, FilterMode.Include, [], FilterMode.Include, many);
  t.run(20_000);
  const allowed = said(t);
  assert.deepEqual(allowed.map(({ words }) => words.length), [1, 1]);
  assert.equal(allowed.flatMap(({ words }) => (words[0] as string).split(' ').slice(2)).length, 400);
  t.run(3e6);
  said(t);
  groups.change(owner(t), GROUP, FilterMode.Include, many, FilterMode.Exclude, many);
  t.run(20_000);
  const excluded = said(t);
  assert.equal(excluded.length, 1);
  assert.equal(((excluded[0] as Said).words[0] as string).split(' ').length, 2 + Math.floor((1500 - 24 - 8 - 8) / 4));
});

test('a device that goes down says nothing, and when it is up again everything', () => {
  const t = probe();
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  said(t);
  t.network.leaveGroup(t.device, GROUP);
  t.network.joinGroup(t.device, IpAddress.from('239.7.7.7'));
  t.device.up = false;
  t.network.deviceChanged(t.device);
  t.network.joinGroup(t.device, IpAddress.from('239.7.7.8'));
  t.run(3e6);
  assert.deepEqual(wordsOf(t), []);
  assert.equal(t.network.context.timers.queue.size, 0);
  t.device.up = true;
  t.network.deviceChanged(t.device);
  t.run(20_000);
  assert.deepEqual(wordsOf(t), ['4 239.7.7.7', '4 239.7.7.8']);
  t.network.detach(t.device);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('groups that are left without end do not fill the memory', () => {
  const t = probe();
  for (let i = 0; i < 5000; i++) {
    const group = IpAddress.fromV4((0xef030000 | 0) + i);
    t.network.joinGroup(t.device, group);
    t.network.leaveGroup(t.device, group);
  }
  t.run(20_000);
  assert.equal(new Set(wordsOf(t)).size, 1024);
  t.run(3e6);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('malformed messages are counted, whatever is wrong with them', () => {
  const t = probe();
  t.network.joinGroup(t.device, GROUP);
  t.run(3e6);
  said(t);
  const bad = (): number => t.network.counters.get('LinkInBadIgmp');
  const whole = query({ group: GROUP.toString(), sources: [A, B] }).subarray(38);
  // The eight bytes of the old versions are a query too.
  const cuts = Array.from({ length: whole.length - 4 }, (_, i) => i + 4).filter((cut) => cut !== 8);
  for (const cut of cuts) t.device.inject(igmpFrame(Uint8Array.from(whole.subarray(0, cut)), GROUP.toString()));
  assert.equal(bad(), cuts.length);
  const broken = query({ group: GROUP.toString() });
  broken[40] = (broken[40] as number) ^ 1;
  t.device.inject(broken);
  assert.equal(bad(), cuts.length + 1);
  t.run(3e6);
  assert.deepEqual(wordsOf(t), []);
});

test('IGMP goes on where the interface has no address, from 0.0.0.0', () => {
  const t = probe();
  const second = new ProbeDevice(t.loop, 'eth1');
  second.macHi = 0x0200;
  second.macLo = 7;
  t.network.attach(second);
  t.network.joinGroup(second, GROUP);
  t.run(20_000);
  const frame = second.sent.map(({ bytes }) => bytes).find((bytes) => bytes[12] === 8 && bytes[23] === 2) as Uint8Array;
  assert.deepEqual([...frame.subarray(26, 30)], [0, 0, 0, 0]);
});
