/**
 * Multicast with a real kernel as the other member, over TAP: joins, leaves and source filters on both sides, data both ways,
 * queries that the test sends (to us from the kernel's side, to the kernel from ours), and tshark's word on every report of
 * ours. The same sockets with the same filters on both sides must say the same to routers.
 *
 *   ours 192.0.2.2 2001:db8::2 --- 192.0.2.1 192.0.2.9 2001:db8::1 2001:db8::9, member.py in a namespace
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { group_filter, group_req, group_source_req } from '../../src/api/posix/multicast-values.ts';
import { int32 } from '../../src/api/posix/option-values.ts';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import type { TapDevice } from '../../src/platform/node/tap.ts';
import { AF, ETH_P, IP, IPPROTO, IPV6, MCAST, MCAST_MODE, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { needs } from '../needs.ts';
import { root, run, type Running } from './command.ts';
import { Namespace } from './namespace.ts';
import { TapHost } from './tap-host.ts';

const NEEDS = needs('root', 'namespaces', 'tap', 'ip', 'python3', 'tcpdump', 'tshark', 'sysctl');
const PORT = 5007;
/** On both sides changes are said again within this time, and a test waits that long. */
const AGAIN_MS = 150, SAID_MS = 500;
/** GroupRecordType, as RFC 3376 4.2.12 numbers them. */
const IS_IN = 1, IS_EX = 2, TO_IN = 3, TO_EX = 4, BLOCK = 6;

interface Report {
  readonly source: string;
  readonly to: string;
  readonly hops: number;
  readonly alert: boolean;
  readonly type: number;
  readonly ours: boolean;
  readonly records?: readonly (readonly [number, string, readonly string[]])[];
  readonly group?: string;
}

/** What differs between the families. */
interface Family {
  readonly name: string;
  readonly version: 4 | 6;
  readonly domain: number;
  readonly level: number;
  readonly any: Uint8Array;
  readonly to: (group: string) => Uint8Array;
  readonly us: string;
  readonly them: string;
  readonly other: string;
  readonly group: string;
  readonly second: string;
  readonly report: number;
  readonly routers: string;
  readonly old: { readonly report: number; readonly leave: number; readonly routers: string };
}

const FAMILIES: readonly Family[] = [
  {
    name: 'IGMP', version: 4, domain: AF.INET, level: IPPROTO.IP, any: sockaddrIn('0.0.0.0', PORT), to: (group) => sockaddrIn(group, PORT),
    us: '192.0.2.2', them: '192.0.2.1', other: '192.0.2.9', group: '239.1.1.1', second: '239.1.1.2', report: 0x22, routers: '224.0.0.22',
    old: { report: 0x16, leave: 0x17, routers: '224.0.0.2' },
  },
  {
    name: 'MLD', version: 6, domain: AF.INET6, level: IPPROTO.IPV6, any: sockaddrIn6('::', PORT), to: (group) => sockaddrIn6(group, PORT),
    us: '2001:db8::2', them: '2001:db8::1', other: '2001:db8::9', group: 'ff15::1:1', second: 'ff15::1:2', report: 143, routers: 'ff02::16',
    old: { report: 131, leave: 132, routers: 'ff02::2' },
  },
];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until `look` finds something that is not null; for at most five seconds. */
async function until<T>(look: () => Promise<T | null>, what: () => string): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const found = await look();
    if (found !== null) return found;
    await pause(50);
  }
  throw new Error(`in five seconds: ${what()}`);
}

/** The kernel's side. */
class Member {
  private readonly running: Running;
  private number = 0;

  constructor(running: Running) {
    this.running = running;
  }

  async tell<T = null>(...words: readonly unknown[]): Promise<T> {
    const number = ++this.number;
    this.running.child.stdin?.write(`${JSON.stringify([number, ...words])}\n`);
    const found = await this.running.says(new RegExp(`^#${number} (.*)$`, 'm'));
    return JSON.parse(found[1] as string) as T;
  }

  async option(name: string, family: Family, option: number, value: Uint8Array): Promise<void> {
    equal(await this.tell<string>('option', name, family.level, option, Buffer.from(value).toString('hex')), 'ok');
  }
}

// Queries as frames: of IGMPv3 and MLDv2, or of the versions before.

function be16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

/** The bytes with their checksum at `at` (RFC 1071); `pseudo` counts too. All lengths are even. */
function checksummed(bytes: number[], at: number, pseudo: readonly number[] = []): number[] {
  let sum = 0;
  [...pseudo, ...bytes].forEach((byte, i) => (sum += i % 2 === 0 ? byte << 8 : byte));
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return [...bytes.slice(0, at), ...be16(~sum & 0xffff), ...bytes.slice(at + 2)];
}

interface Query {
  readonly group?: string;
  readonly sources?: readonly string[];
  readonly tenths?: number;
  readonly isOld?: boolean;
}

function queryFrame(family: Family, { group, sources = [], tenths = 5, isOld = false }: Query): Uint8Array {
  if (family.version === 4) {
    const bytes = (address: string): number[] => [...IpAddress.from(address).toBytes()];
    const to = group ?? '224.0.0.1';
    const newer = isOld ? [] : [2, 125, ...be16(sources.length), ...sources.flatMap(bytes)];
    const message = checksummed([0x11, tenths, 0, 0, ...bytes(group ?? '0.0.0.0'), ...newer], 2);
    const header = [0x46, 0xc0, ...be16(24 + message.length), 0, 0, 0, 0, 1, 2, 0, 0, ...bytes('192.0.2.254'), ...bytes(to), 0x94, 4, 0, 0];
    const mac = [1, 0, 0x5e, ...bytes(to).slice(1).map((byte, i) => (i === 0 ? byte & 0x7f : byte))];
    return Uint8Array.from([...mac, 2, 0, 0, 0, 0, 0xfe, 8, 0, ...checksummed(header, 10), ...message]);
  }
  const bytes = (address: string): number[] => [...IpAddress.from(address).toBytes6()];
  const from = IpAddress.from('fe80::fe');
  const to = IpAddress.from(group ?? 'ff02::1');
  const newer = isOld ? [] : [2, 125, ...be16(sources.length), ...sources.flatMap(bytes)];
  const plain = [130, 0, 0, 0, ...be16(tenths * 100), 0, 0, ...bytes(group ?? '::'), ...newer];
  const pseudo = [...from.toBytes6(), ...to.toBytes6(), 0, 0, ...be16(plain.length), 0, 0, 0, 58];
  const message = checksummed(plain, 2, pseudo);
  const header = [0x60, 0, 0, 0, ...be16(8 + message.length), 0, 1, ...from.toBytes6(), ...to.toBytes6(), 58, 0, 5, 2, 0, 0, 1, 0];
  return Uint8Array.from([0x33, 0x33, ...[...to.toBytes6()].slice(12), 2, 0, 0, 0, 0, 0xfe, 0x86, 0xdd, ...header, ...message]);
}

describe('multicast with a real kernel as the other member', { skip: NEEDS.skip, timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-multicast-'));
  const capture = join(folder, 'reports.pcap');
  let namespace: Namespace;
  let ours: TapHost;
  let device: TapDevice;
  let process: Process;
  let member: Member;
  let theirIndex = 0;
  let tcpdump: Running;

  before(async () => {
    namespace = new Namespace();
    ours = new TapHost();
    device = await ours.connect(namespace, ['192.0.2.2/24', '2001:db8::2/64']);
    for (const { them, other, version } of FAMILIES) {
      for (const address of [them, other]) {
        const more = version === 6 ? ['/64', 'nodad'] : ['/24'];
        namespace.run('ip', 'address', 'add', `${address}${more[0]}`, 'dev', device.name, ...more.slice(1));
      }
    }
    for (const setting of ['ipv4.conf.DEV.igmpv3_unsolicited_report_interval', 'ipv6.conf.DEV.mldv2_unsolicited_report_interval']) {
      const name = `net.${setting.replace('DEV', device.name)}`;
      namespace.run('sysctl', '-qw', `${name}=${AGAIN_MS}`);
      ours.host.sysctl(name, AGAIN_MS);
    }
    namespace.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', device.name);
    equal(ours.host.addRoute('224.0.0.0/4', { device }), 0);
    process = new Process(ours.host, 'member');
    tcpdump = namespace.start('tcpdump', '-i', device.name, '-n', '-U', '-w', capture, 'ip proto 2 or (ip6 and ip6[6] == 0)');
    await tcpdump.says(/listening on/, 'stderr');
    const running = namespace.start('python3', '-u', join(root, 'test/interop/member.py'), device.name);
    await running.says(/^ready$/m);
    member = new Member(running);
    theirIndex = await member.tell('index');
    await ours.settled();
    // The kernel's own addresses and ours are reported now.
    await pause(2500);
    await member.tell('take');
  });

  after(async () => {
    await tcpdump?.stop();
    ours?.close();
    namespace?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open({ domain, any }: Family): Promise<number> {
    const fd = await process.socket(domain, SOCK.DGRAM, 0);
    await process.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, int32(1));
    await process.bind(fd, any);
    return fd;
  }

  /** Records of reports, ours or the kernel's, of these groups: each as often as it is said. */
  async function said(isOurs: boolean, family: Family, groups: readonly string[], ms: number): Promise<string[]> {
    await pause(ms);
    return (await member.tell<Report[]>('take')).filter((report) => report.ours === isOurs && report.type === family.report).flatMap((report) => {
      deepEqual([report.to, report.hops, report.alert], [family.routers, 1, true]);
      if (isOurs) equal(report.source, family.version === 4 ? family.us : String(ours.host.network.interfaceOf(device)?.linkLocal()?.address));
      return (report.records ?? []).filter(([, group]) => groups.includes(group)).map(([type, group, sources]) => `${type} ${group} {${sources.join(' ')}}`);
    });
  }

  /** What a socket of ours has received: payloads and senders. */
  async function received(fd: number): Promise<[string, string][]> {
    const found: [string, string][] = [];
    const into = new Uint8Array(100);
    for (;;) {
      const got = await process.recvfrom(fd, into, Msg.DONTWAIT).catch(() => null);
      if (got === null) return found;
      found.push([Buffer.from(into.subarray(0, got.count)).toString(), String(readSockaddr(got.address)?.address)]);
    }
  }

  const inject = (frame: Uint8Array): Promise<null> => member.tell('inject', Buffer.from(frame).toString('hex'));

  /** A frame from our side. */
  async function injectToKernel(frame: Uint8Array): Promise<void> {
    const fd = await process.socket(AF.PACKET, SOCK.RAW, 0);
    const address = new Uint8Array(20);
    address[0] = AF.PACKET;
    new DataView(address.buffer).setUint16(2, ETH_P.IP);
    new DataView(address.buffer).setInt32(4, device.index, true);
    await process.sendto(fd, frame, 0, address);
    await process.close(fd);
  }

  for (const family of FAMILIES) {
    const { group, second, us, them, other, level } = family;
    describe(family.name, () => {
      test('joining and leaving are said twice, and data goes both ways', async () => {
        const fd = await open(family);
        await process.setsockopt(fd, level, MCAST.JOIN_GROUP, group_req(device.index, group));
        deepEqual(await said(true, family, [group], SAID_MS), [`${TO_EX} ${group} {}`, `${TO_EX} ${group} {}`]);
        await member.tell('make', 'a', family.version, PORT);
        await member.option('a', family, MCAST.JOIN_GROUP, group_req(theirIndex, second));
        const table = await member.tell<string>('read', family.version === 4 ? '/proc/net/igmp' : '/proc/net/igmp6');
        match(table, family.version === 4 ? /020101EF/ : /ff150000000000000000000000010002/);
        const [toTheirs, toOurs] = [family.to(second), group];
        // Where our datagrams to groups leave: by route over IPv4, by option over IPv6.
        if (family.version === 6) await process.setsockopt(fd, level, IPV6.MULTICAST_IF, int32(device.index));
        await process.sendto(fd, Buffer.from('from us'), 0, toTheirs);
        deepEqual(await until(async () => {
          const got = await member.tell<[string, string][]>('receive', 'a');
          return got.length > 0 ? got : null;
        }, () => 'nothing from us'), [['from us', us]]);
        await member.tell('send', 'a', 'from them', toOurs, PORT);
        // Which of its addresses it comes from is the kernel's choice.
        deepEqual((await until(async () => {
          const got = await received(fd);
          return got.length > 0 ? got : null;
        }, () => 'nothing from them')).map(([payload]) => payload), ['from them']);
        await process.setsockopt(fd, level, MCAST.LEAVE_GROUP, group_req(device.index, group));
        deepEqual(await said(true, family, [group], SAID_MS), [`${TO_IN} ${group} {}`, `${TO_IN} ${group} {}`]);
        await member.tell('send', 'a', 'too late', toOurs, PORT);
        await pause(100);
        deepEqual(await received(fd), []);
        await member.tell('close', 'a');
        await process.close(fd);
      });

      test('source filters let through what they name, on both sides', async () => {
        const fd = await open(family);
        await member.tell('make', 'a', family.version, PORT);
        for (const name of ['them', 'other']) {
          await member.tell('make', name, family.version, 0);
          await member.tell('bind', name, name === 'them' ? them : other);
        }
        const fromBoth = async (): Promise<string[]> => {
          for (const name of ['them', 'other']) await member.tell('send', name, name, group, PORT);
          await pause(150);
          return (await received(fd)).map(([payload, from]) => `${payload} ${from}`);
        };
        const set = (option: number, value: Uint8Array): Promise<void> => process.setsockopt(fd, level, option, value);
        await set(MCAST.JOIN_GROUP, group_req(device.index, group));
        deepEqual(await fromBoth(), [`them ${them}`, `other ${other}`]);
        await set(MCAST.BLOCK_SOURCE, group_source_req(device.index, group, other));
        deepEqual(await fromBoth(), [`them ${them}`]);
        await set(MCAST.UNBLOCK_SOURCE, group_source_req(device.index, group, other));
        deepEqual(await fromBoth(), [`them ${them}`, `other ${other}`]);
        await set(MCAST.LEAVE_GROUP, group_req(device.index, group));
        await set(MCAST.JOIN_SOURCE_GROUP, group_source_req(device.index, group, other));
        deepEqual(await fromBoth(), [`other ${other}`]);
        await set(MCAST.MSFILTER, group_filter(device.index, group, MCAST_MODE.EXCLUDE, [them, other]));
        deepEqual(await fromBoth(), []);
        // The kernel hears us, or does not.
        if (family.version === 6) await set(IPV6.MULTICAST_IF, int32(device.index));
        else await set(IP.MULTICAST_IF, IpAddress.from(us).toBytes());
        const toKernel = async (): Promise<string[]> => {
          await process.sendto(fd, Buffer.from('ours'), 0, family.to(second));
          await pause(150);
          return (await member.tell<[string, string][]>('receive', 'a')).map(([payload, from]) => `${payload} ${from}`);
        };
        await member.option('a', family, MCAST.JOIN_SOURCE_GROUP, group_source_req(theirIndex, second, us));
        deepEqual(await toKernel(), [`ours ${us}`]);
        await member.option('a', family, MCAST.MSFILTER, group_filter(theirIndex, second, MCAST_MODE.EXCLUDE, [us]));
        deepEqual(await toKernel(), []);
        await process.close(fd);
        for (const name of ['a', 'them', 'other']) await member.tell('close', name);
        await pause(SAID_MS);
        await member.tell('take');
      });

      test('the same changes are said in the same words as by the kernel', async () => {
        const [one, two] = [await open(family), await open(family)];
        for (const name of ['one', 'two']) await member.tell('make', name, family.version, PORT);
        const source = (last: number): string => (family.version === 4 ? `10.0.0.${last}` : `2001:db8:5::${last}`);
        const steps: readonly (readonly [0 | 1, number, (index: number) => Uint8Array])[] = [
          [0, MCAST.JOIN_GROUP, (index) => group_req(index, group)],
          [0, MCAST.BLOCK_SOURCE, (index) => group_source_req(index, group, source(1))],
          [1, MCAST.JOIN_SOURCE_GROUP, (index) => group_source_req(index, group, source(1))],
          [1, MCAST.JOIN_SOURCE_GROUP, (index) => group_source_req(index, group, source(2))],
          [0, MCAST.MSFILTER, (index) => group_filter(index, group, MCAST_MODE.INCLUDE, [source(3)])],
          [0, MCAST.MSFILTER, (index) => group_filter(index, group, MCAST_MODE.INCLUDE, [source(2), source(4)])],
          [1, MCAST.LEAVE_SOURCE_GROUP, (index) => group_source_req(index, group, source(1))],
          [0, MCAST.MSFILTER, (index) => group_filter(index, group, MCAST_MODE.EXCLUDE, [source(2), source(5)])],
          [1, MCAST.LEAVE_GROUP, (index) => group_req(index, group)],
          [0, MCAST.LEAVE_GROUP, (index) => group_req(index, group)],
        ];
        let changes = 0;
        for (const [who, option, value] of steps) {
          await process.setsockopt(who === 0 ? one : two, level, option, value(device.index));
          await member.option(who === 0 ? 'one' : 'two', family, option, value(theirIndex));
          await pause(SAID_MS);
          const all = await member.tell<Report[]>('take');
          const words = (isOurs: boolean): string[] => [...new Set(all.filter((report) => report.ours === isOurs && report.type === family.report)
            .flatMap((report) => report.records ?? []).filter(([, named]) => named === group)
            .map(([type, , sources]) => `${type} {${sources.join(' ')}}`))].sort();
          deepEqual(words(true), words(false), `after option ${option}`);
          changes += words(true).length;
        }
        // One step changes nothing for the interface.
        ok(changes >= steps.length - 1, `${changes} changes`);
        for (const fd of [one, two]) await process.close(fd);
        for (const name of ['one', 'two']) await member.tell('close', name);
      });

      test('queries are answered within their time, as the kernel answers them', async () => {
        const fd = await open(family);
        await member.tell('make', 'a', family.version, PORT);
        const source = (last: number): string => (family.version === 4 ? `10.0.0.${last}` : `2001:db8:5::${last}`);
        for (const [option, value] of [
          [MCAST.JOIN_GROUP, (index: number) => group_req(index, group)],
          [MCAST.JOIN_SOURCE_GROUP, (index: number) => group_source_req(index, second, source(1))],
          [MCAST.JOIN_SOURCE_GROUP, (index: number) => group_source_req(index, second, source(2))],
        ] as const) {
          await process.setsockopt(fd, level, option, value(device.index));
          await member.option('a', family, option, value(theirIndex));
        }
        await pause(SAID_MS);
        await member.tell('take');
        const expected: readonly (readonly [Query, readonly string[]])[] = [
          [{}, [`${IS_EX} ${group} {}`, `${IS_IN} ${second} {${source(1)} ${source(2)}}`]],
          [{ group }, [`${IS_EX} ${group} {}`]],
          [{ group: second }, [`${IS_IN} ${second} {${source(1)} ${source(2)}}`]],
          [{ group: second, sources: [source(2), source(3)] }, [`${IS_IN} ${second} {${source(2)}}`]],
          [{ group: second, sources: [source(3)] }, []],
          [{ group, sources: [source(3)] }, [`${IS_EX} ${group} {}`]],
        ];
        for (const [query, answer] of expected) {
          const frame = queryFrame(family, query);
          await inject(frame);
          deepEqual((await said(true, family, [group, second], 800)).sort(), [...answer].sort(), JSON.stringify(query));
          await injectToKernel(frame);
          deepEqual((await said(false, family, [group, second], 900)).sort(), [...answer].sort(), `the kernel: ${JSON.stringify(query)}`);
        }
        await process.close(fd);
        deepEqual((await said(true, family, [group, second], SAID_MS)).sort(), [
          `${TO_IN} ${group} {}`, `${TO_IN} ${group} {}`, `${BLOCK} ${second} {${source(1)} ${source(2)}}`, `${BLOCK} ${second} {${source(1)} ${source(2)}}`,
        ].sort(), 'closing is leaving');
        await member.tell('close', 'a');
      });

      test('an old querier is answered in its own words, and told of leaving', async () => {
        const fd = await open(family);
        await process.setsockopt(fd, level, MCAST.JOIN_GROUP, group_req(device.index, group));
        await pause(SAID_MS);
        await member.tell('take');
        await inject(queryFrame(family, { isOld: true }));
        await pause(900);
        // A report is said again within ten seconds, which may be at once: what is said counts, not how often.
        const own = (all: Report[]): string[] => [...new Set(all.filter((report) => report.ours && [group, second].includes(report.group ?? ''))
          .map(({ type, to, group: named, hops, alert }) => `${type} ${named} to ${to} ${hops} ${alert}`))];
        deepEqual(own(await member.tell('take')), [`${family.old.report} ${group} to ${group} 1 true`]);
        await process.setsockopt(fd, level, MCAST.JOIN_GROUP, group_req(device.index, second));
        await pause(300);
        deepEqual(own(await member.tell('take')), [`${family.old.report} ${second} to ${second} 1 true`]);
        await process.setsockopt(fd, level, MCAST.LEAVE_GROUP, group_req(device.index, second));
        await pause(300);
        deepEqual(own(await member.tell('take')), [`${family.old.leave} ${second} to ${family.old.routers} 1 true`]);
        await process.close(fd);
      });
    });
  }

  test('tshark finds no fault in what we said, of both protocols', async () => {
    await pause(300);
    await tcpdump.stop();
    const digits = device.macHi.toString(16).padStart(4, '0') + (device.macLo >>> 0).toString(16).padStart(8, '0');
    const mac = (digits.match(/../g) as string[]).join(':');
    const fields = ['igmp.version', 'igmp.type', 'icmpv6.type', 'igmp.checksum.status', 'icmpv6.checksum.status', '_ws.malformed', '_ws.expert.severity'];
    const { status, stdout, stderr } = run([
      'tshark', '-n', '-r', capture, '-o', 'ip.check_checksum:TRUE', '-Y', `eth.src == ${mac}`, '-T', 'fields', '-E', 'separator=;',
      ...fields.flatMap((field) => ['-e', field]), '-e', 'ip.checksum.status',
    ]);
    equal(status, 0, stderr);
    const lines = stdout.trim().split('\n').map((line) => line.split(';'));
    const igmp = lines.filter(([version]) => version === '3'), mld = lines.filter((cells) => cells[2] === '143');
    ok(igmp.length > 20 && mld.length > 20, `${igmp.length} IGMPv3, ${mld.length} MLDv2`);
    for (const [, , , igmpSum, icmpSum, malformed, severity, ipSum] of lines) {
      deepEqual([malformed, severity === '' || Number(severity) < 0x600000], ['', true]);
      ok(igmpSum === '1' ? ipSum === '1' : icmpSum === '1', `${igmpSum} ${icmpSum} ${ipSum}`);
    }
  });
});
