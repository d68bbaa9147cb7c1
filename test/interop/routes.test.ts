/**
 * `ip route add`, `del` and `get`: the same requests to a real kernel and to a host of ours with the same interfaces and
 * addresses get the same answers, and leave the same table.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Errno } from '../../src/base/errno.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import type { Host } from '../../src/host.ts';
import type { Device } from '../../src/link/device.ts';
import type { RouteOptions } from '../../src/net/route-request.ts';
import { needs } from '../needs.ts';
import { run } from './command.ts';
import { interopWorld } from './hosts.ts';
import { Namespace } from './namespace.ts';

const NEEDS = needs('root', 'namespaces', 'ip');

/** What ip(8) prints, and the errors that it may stand for: the kernel's own words hide the number. */
const WORDS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^$/, [0]],
  [/File exists/, [Errno.EEXIST]], [/No such process/, [Errno.ESRCH]], [/No such device/, [Errno.ENODEV]],
  [/No route to host/, [Errno.EHOSTUNREACH]],
  [/not up/, [Errno.ENETDOWN]], [/Invalid prefsrc address|Invalid source address|Invalid prefix/, [Errno.EINVAL]],
  [/Nexthop has invalid gateway/, [Errno.ENETUNREACH, Errno.EINVAL]],
  [/can not be specified for this route type|Gateway can not be a local address/, [Errno.EINVAL]],
  [/Egress device not specified|Invalid gateway address/, [Errno.EINVAL]],
  [/Invalid argument/, [Errno.EINVAL]], [/Network is unreachable/, [Errno.ENETUNREACH]], [/Permission denied/, [Errno.EACCES]],
];

/** In the words of ip(8): e0 has 192.0.2.1/24 and 2001:db8::1/64, e1 198.51.100.1/24 and 2001:db8:2::1/64, e2 is down. */
const REQUESTS = `
add 10.0.0.0/8 via 192.0.2.1
add 10.0.0.0/8 via 172.16.0.1
add 10.0.0.0/8 via 192.0.2.254
add 10.0.0.0/8 via 198.51.100.254
add 10.0.0.0/8 via 198.51.100.254 metric 5
add 10.1.0.0/16 via 10.2.3.4
add 10.1.0.0/16 via 192.0.2.255
add 10.1.0.0/16 via 224.0.0.1
add 10.1.0.0/16 via 0.0.0.0
add 10.1.0.0/16 via 192.0.2.254 dev e1
add 10.1.0.0/16 via 172.16.0.1 dev e1 onlink
add 10.2.0.0/16 via 192.0.2.254 scope link
add 10.3.0.0/16 dev e0 scope host
add 10.4.0.0/16 dev e0 src 203.0.113.1
add 10.4.0.0/16 dev e0 src 198.51.100.1
add 10.5.0.0/16
add blackhole 10.6.0.0/16
add blackhole 10.6.0.0/16
add unreachable 10.6.0.0/16 metric 3
add prohibit 10.7.0.0/16 dev e0
add blackhole 10.8.0.0/16 via 192.0.2.254
add 10.9.1.1/16 dev e0
add 10.10.0.0/16 dev e2
add 10.10.0.0/16 via 10.99.0.1 dev e2 onlink
add 10.11.0.0/16 via 10.6.0.1
add 192.0.2.0/24 dev e1
add 192.0.2.0/24 dev e1 metric 7
add 192.0.2.128/25 via 198.51.100.9
add 203.0.113.7 via 192.0.2.254
add prohibit 203.0.113.0/24
add default via 192.0.2.254 metric 20
add default via 198.51.100.254 metric 10
add default dev e0 metric 30 scope global
del 10.77.0.0/16
del 10.0.0.0/8 via 1.2.3.4
del 10.0.0.0/8 metric 77
del 10.4.0.0/16 dev e1
del blackhole 10.6.0.0/16
del 10.2.0.0/16 scope link
add 2001:db8:9::/64 via 2001:db8:77::1
add 2001:db8:9::/64 via 2001:db8::1
add 2001:db8:9::/64 via fe80::1
add 2001:db8:9::/64 via fe80::1 dev e0
add 2001:db8:9::/64 via fe80::1 dev e0
add 2001:db8:9::/64 via fe80::2 dev e1
add 2001:db8:9::/64 via fe80::2 dev e1 metric 5
add 2001:db8:8::/64 via 2001:db8:9::1
add 2001:db8:8::/64 via 2001:db8::9 dev e1
add 2001:db8:8::/64 via ff02::1 dev e1
add 2001:db8:8::/64
add 2001:db8:8::/64 dev e2
add 2001:db8:8::/64 via fe80::7 dev e2
add 2001:db8:8::/64 dev e0 src 2001:db8:5::1
add 2001:db8:8::/64 dev e0 src 2001:db8:2::1
add blackhole 2001:db8:a::/64
add unreachable 2001:db8:b::/64 via fe80::1 dev e0
add prohibit 2001:db8:c::/64 dev e0
add prohibit 2001:db8:c::/64
add 2001:db8:e::/48 via 2001:db8::9
add 2001:db8:e:1::/64 dev e1
add default via 2001:db8::fe
add default via 2001:db8:2::fe metric 512
del 2001:db8:d::/64
del 2001:db8:9::/64 via fe80::9
`.trim().split('\n');

const DESTINATIONS = [
  '10.0.0.1', '10.1.2.3', '10.3.0.1', '10.4.5.6', '10.6.0.1', '192.0.2.9', '192.0.2.200', '198.51.100.9', '203.0.113.7',
  '203.0.113.8', '8.8.8.8',
  '2001:db8::5', '2001:db8:2::5', '2001:db8:9::5', '2001:db8:8::5', '2001:db8:a::5', '2001:db8:b::5', '2001:db8:c::5',
  '2001:db8:e:1::5', '2001:db8:e:2::5', '2001:db8:ffff::5',
];

function request(host: Host, devices: Readonly<Record<string, Device>>, line: string): number {
  const words = line.split(' ');
  const verb = words.shift() as 'add' | 'del';
  const options: Record<string, unknown> = {};
  if (/^(blackhole|unreachable|prohibit)$/.test(words[0] as string)) options.type = words.shift();
  const to = words.shift() as string;
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === 'onlink') {
      options.onlink = true;
      continue;
    }
    const value = words.shift() as string;
    if (word === 'dev') options.device = devices[value];
    else if (word === 'metric') options.metric = Number(value);
    else options[word === 'src' ? 'source' : word] = value;
  }
  return verb === 'add' ? host.addRoute(to, options as RouteOptions) : host.deleteRoute(to, options as RouteOptions);
}

describe('routes as Linux has them', { skip: NEEDS.skip, timeout: 60_000 }, () => {
  let namespace: Namespace;

  before(() => {
    namespace = new Namespace();
    for (const name of ['e0', 'e1', 'e2']) namespace.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    for (const name of ['e0', 'e0p', 'e1', 'e1p', 'e2p']) namespace.run('ip', 'link', 'set', 'dev', name, 'up');
    const addresses = { e0: ['192.0.2.1/24', '2001:db8::1/64'], e1: ['198.51.100.1/24', '2001:db8:2::1/64'] };
    for (const [name, list] of Object.entries(addresses)) {
      for (const cidr of list) namespace.run('ip', 'address', 'add', cidr, 'dev', name, ...(cidr.includes(':') ? ['nodad'] : []));
    }
  });

  after(() => namespace?.end());

  const linux = (...words: string[]): { stdout: string; stderr: string } => run(namespace.words('ip', ...words));
  /** Errors that the kernel's answer stands for. */
  const errorsIn = (text: string): readonly number[] => {
    const found = WORDS.find(([pattern]) => pattern.test(text.trim()));
    ok(found !== undefined, text);
    return found[1];
  };

  test('the same errors, the same table, the same ways', () => interopWorld({ seed: 1 }, async (world) => {
    const host = world.host('a');
    const devices: Record<string, Device> = {};
    const ends = [['192.0.2.1/24', '2001:db8::1/64'], ['198.51.100.1/24', '2001:db8:2::1/64'], []];
    for (const [n, addressA] of ends.entries()) {
      const cable = world.cable(host, world.host(`peer${n}`), { addressA, addressB: `203.0.113.${n + 1}/32`, nameA: `e${n}` });
      devices[`e${n}`] = cable.a;
    }
    (devices.e2 as Device).up = false;
    host.network.deviceChanged(devices.e2 as Device);

    for (const line of REQUESTS) {
      const family = line.includes('::') ? ['-6'] : ['-4'];
      const expected = errorsIn(linux(...family, 'route', ...line.split(' ')).stderr);
      const got = -request(host, devices, line);
      ok(expected.includes(got), `${line}: errno ${got}, on Linux ${expected.join(' or ')}`);
    }

    const theirs = ['-4', '-6'].flatMap((family) => linux(family, 'route', 'show').stdout.split('\n'))
      .map((line) => line.replace(/ (onlink|linkdown|pref medium)/g, '').trim())
      .filter((line) => line !== '' && !line.startsWith('fe80::'));
    const ours = host.routes().filter((line) => !line.startsWith('fe80::') && !line.includes('dev e2'));
    deepEqual(ours.sort(), theirs.sort());

    for (const to of DESTINATIONS) {
      const { stdout, stderr } = linux('route', 'get', to);
      const way = host.network.lookup(IpAddress.from(to), null, null);
      if (way === null) {
        ok(errorsIn(stderr).includes(host.network.lookupErrno), `${to}: errno ${host.network.lookupErrno}, on Linux ${stderr}${stdout}`);
        continue;
      }
      const via = way.nextHop.equals(way.to) ? '' : `via ${way.nextHop} `;
      const found = /^\S+ (?:from :: )?(via \S+ )?dev (\S+) .*?src (\S+)/.exec(stdout);
      ok(found !== null, `${to}: ${stdout}${stderr}`);
      equal(`${via}dev ${way.device.name} src ${way.source}`, `${found[1] ?? ''}dev ${found[2]} src ${found[3]}`, to);
    }
  }));
});
