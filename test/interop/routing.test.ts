/**
 * A host of ours routes between two real Linux kernels, over TAP: once with offload, once without.
 *
 *   namespace a, 192.0.2.1 2001:db8:1::1 --- .2 ::2 ours .2 ::2 --- 198.51.100.1 2001:db8:2::1, namespace b
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TapDevice } from '../../src/platform/node/tap.ts';
import { needs } from '../needs.ts';
import type { Running } from './command.ts';
import { Namespace } from './namespace.ts';
import { TapHost } from './tap-host.ts';

const NEEDS = needs('root', 'namespaces', 'tap', 'ip', 'python3');
const LARGE = 100_000_000;
const NARROW = 1300;

const SIDES = {
  a: { ours: ['192.0.2.2/24', '2001:db8:1::2/64'], theirs: ['192.0.2.1/24', '2001:db8:1::1/64'] },
  b: { ours: ['198.51.100.2/24', '2001:db8:2::2/64'], theirs: ['198.51.100.1/24', '2001:db8:2::1/64'] },
} as const;
type Side = keyof typeof SIDES;

/** Their address in namespace b, and ours towards a, of each family. */
const FAMILIES = [
  { target: '198.51.100.1', router: '192.0.2.2', unknown: '203.0.113.1', missing: '198.51.100.77', http: '198.51.100.1' },
  { target: '2001:db8:2::1', router: '2001:db8:1::2', unknown: '2001:db8:77::1', missing: '2001:db8:2::77', http: '[2001:db8:2::1]' },
] as const;

function address(cidr: string): string {
  return cidr.slice(0, cidr.indexOf('/'));
}

/** A device of ours whose kernel side is in the namespace, with addresses on both sides and default routes to us. */
async function plugIn(ours: TapHost, namespace: Namespace, side: Side, offload: boolean): Promise<TapDevice> {
  const device = await ours.connect(namespace, SIDES[side].ours, offload);
  for (const cidr of SIDES[side].theirs) {
    namespace.run('ip', 'address', 'add', cidr, 'dev', device.name, ...(cidr.includes(':') ? ['nodad'] : []));
  }
  for (const cidr of SIDES[side].ours) namespace.run('ip', 'route', 'add', 'default', 'via', address(cidr));
  return device;
}

for (const offload of [true, false]) {
  describe(`routing between two kernels, ${offload ? 'with offload' : 'without offload'}`, { skip: NEEDS.skip, timeout: 240_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'sockscape-routing-'));
    let a: Namespace;
    let b: Namespace;
    let router: TapHost;
    let toA: TapDevice;
    let server: Running;
    let hash = '';

    before(async () => {
      a = new Namespace();
      b = new Namespace();
      router = new TapHost();
      router.host.sysctl('net.ipv4.ip_forward', 1);
      router.host.sysctl('net.ipv6.conf.all.forwarding', 1);
      toA = await plugIn(router, a, 'a', offload);
      await plugIn(router, b, 'b', offload);
      const bytes = Buffer.alloc(LARGE);
      for (let i = 0; i < LARGE; i += 4) bytes.writeInt32LE(Math.imul(i, 0x9e3779b1), i);
      hash = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(join(folder, 'large'), bytes);
      server = b.start('python3', '-u', '-m', 'http.server', '--bind', '::', '--directory', folder, '80');
      await server.says(/Serving HTTP/);
      await router.settled();
    });

    after(async () => {
      await server?.stop('SIGKILL');
      router?.close();
      a?.remove();
      b?.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    test('ping through us, also in fragments', needs('ping'), async () => {
      for (const { target } of FAMILIES) {
        for (const size of ['56', '8000']) {
          const { status, stdout } = await a.runBeside(['ping', '-c', '4', '-i', '0.2', '-s', size, target]);
          equal(status, 0, stdout);
          match(stdout, /4 packets transmitted, 4 received, 0% packet loss/);
          match(stdout, /ttl=63/);
        }
      }
    });

    test('what ping hears of us: time exceeded, no way, nobody there, filtered', needs('ping'), async () => {
      const ping = async (...words: string[]): Promise<string> =>
        (await a.runBeside(['ping', '-n', '-c', '1', '-W', '5', ...words])).stdout;
      for (const { target, router: ours, unknown, missing } of FAMILIES) {
        const from = `From ${ours}:? icmp_seq=1 `;
        match(await ping('-t', '1', target), new RegExp(`${from}Time (to live )?exceeded`));
        match(await ping(unknown), new RegExp(`${from}Destination (Net Unreachable|unreachable: No route)`));
        match(await ping(missing), new RegExp(`${from}Destination (Host Unreachable|unreachable: Address unreachable)`));
        const prefix = unknown.includes(':') ? '2001:db8:77::/64' : '203.0.113.0/24';
        equal(router.host.addRoute(prefix, { type: 'prohibit' }), 0);
        match(await ping(unknown), new RegExp(`${from}(Packet filtered|Destination unreachable: Administratively prohibited)`));
        equal(router.host.deleteRoute(prefix), 0);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    });

    test('record route: our addresses are among those that ping -R shows', needs('ping'), async () => {
      const { stdout } = await a.runBeside(['ping', '-n', '-c', '1', '-R', '198.51.100.1']);
      match(stdout, /RR:\s+192\.0\.2\.1\s+198\.51\.100\.2\s+198\.51\.100\.1\s+198\.51\.100\.1\s+192\.0\.2\.2\s+192\.0\.2\.1/);
    });

    test('traceroute shows us as the first hop', needs('traceroute'), async () => {
      for (const { target, router: ours } of FAMILIES) {
        const { stdout } = await a.runBeside(['traceroute', '-n', '-q', '1', '-w', '3', '-m', '5', target]);
        const hops = stdout.trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/).slice(0, 2).join(' '));
        deepEqual(hops, [`1 ${ours}`, `2 ${target}`], stdout);
      }
    });

    const fetched = async (host: string): Promise<string> => {
      const script = `curl -sS --max-time 50 http://${host}/large | sha256sum`;
      const { stdout, stderr } = await a.runBeside(['sh', '-c', script]);
      return stdout.split(' ')[0] === hash ? 'the same' : `${stdout}${stderr}`;
    };

    test('curl fetches 100 MB through us', needs('curl', 'sha256sum'), async () => {
      for (const { http } of FAMILIES) equal(await fetched(http), 'the same', http);
      const { IpForwDatagrams = 0, Ip6OutForwDatagrams = 0, ...others } = router.host.nstat();
      // With offload most of it in segments of up to 64 KiB.
      const least = offload ? LARGE / 65536 : LARGE / 1448;
      ok(IpForwDatagrams > least && Ip6OutForwDatagrams > least, `${IpForwDatagrams} ${Ip6OutForwDatagrams}`);
      for (const name of ['IpFragFails', 'Ip6FragFails', 'IpInDiscards', 'Ip6InDiscards']) equal(others[name] ?? 0, 0, name);
    });

    test('RFC 1191, RFC 8201: a smaller MTU behind us is found, and 100 MB go through it', needs('curl', 'sha256sum', 'ping'), async () => {
      toA.mtuBytes = NARROW;
      try {
        for (const { http } of FAMILIES) equal(await fetched(http), 'the same', http);
        for (const [family, to] of [['-4', address(SIDES.a.theirs[0])], ['-6', address(SIDES.a.theirs[1])]] as const) {
          match(b.run('ip', family, 'route', 'get', to).stdout, /mtu 1300/);
        }
        b.run('ip', 'route', 'flush', 'cache');
        const { stdout } = await b.runBeside(['ping', '-n', '-c', '1', '-M', 'do', '-s', '1400', '192.0.2.1']);
        match(stdout, /From 198\.51\.100\.2 icmp_seq=1 Frag needed and DF set \(mtu = 1300\)/);
        b.run('ip', 'route', 'flush', 'cache');
        const pieces = await b.runBeside(['ping', '-n', '-c', '1', '-M', 'dont', '-s', '1400', '192.0.2.1']);
        match(pieces.stdout, /1 received/, 'without DF we fragment');
        ok((router.host.nstat()['IpFragCreates'] ?? 0) >= 2);
      } finally {
        toA.mtuBytes = 1500;
      }
    });

    test('neither kernel counted a checksum error or a bad header', () => {
      const counters = [
        'Tcp InCsumErrors', 'Tcp InErrs', 'Udp InCsumErrors', 'Icmp InCsumErrors', 'Icmp6InCsumErrors', 'Ip InHdrErrors', 'Ip6InHdrErrors',
      ];
      for (const namespace of [a, b]) {
        deepEqual(counters.map((name) => [name, namespace.counter(name)]), counters.map((name) => [name, 0]));
      }
    });
  });
}
