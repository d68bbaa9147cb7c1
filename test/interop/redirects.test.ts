/**
 * Redirects between a host of ours and real kernels, both ways, over one link:
 *
 *   ours 192.0.2.2 ---+--- bridge in namespace a, 192.0.2.1
 *                     `--- namespace b, 192.0.2.254, behind which are 203.0.113.1 and 2001:db8:77::1
 */
import { equal, match } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import type { TapDevice } from '../../src/platform/node/tap.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { needs } from '../needs.ts';
import { run } from './command.ts';
import { Namespace } from './namespace.ts';
import { TapHost } from './tap-host.ts';

const FAR4 = '203.0.113.1', FAR6 = '2001:db8:77::1';
const VIA4 = '192.0.2.254', VIA6 = 'fe80::b';

describe('redirects', { skip: needs('root', 'namespaces', 'tap', 'ip', 'ping', 'sysctl').skip, timeout: 60_000 }, () => {
  let a: Namespace;
  let b: Namespace;
  let ours: TapHost;
  let device: TapDevice;
  let ourLinkLocal = '';

  before(async () => {
    a = new Namespace();
    b = new Namespace();
    ours = new TapHost();
    device = await ours.connect(a, ['192.0.2.2/24', '2001:db8::2/64']);
    a.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    a.run('ip', 'link', 'add', 'toB', 'type', 'veth', 'peer', 'name', 'toA', 'netns', b.name);
    for (const port of ['toB', device.name]) a.run('ip', 'link', 'set', 'dev', port, 'master', 'br0', 'up');
    b.run('ip', 'link', 'set', 'dev', 'toA', 'up');
    // A router's redirects come from its first link-local address: it has but the one below.
    a.run('ip', 'link', 'set', 'dev', 'br0', 'addrgenmode', 'none');
    a.run('ip', 'link', 'set', 'dev', 'br0', 'up');
    const addresses = [
      [a, 'br0', '192.0.2.1/24'], [a, 'br0', '2001:db8::1/64'], [a, 'br0', 'fe80::a/64'],
      [b, 'toA', `${VIA4}/24`], [b, 'toA', `${VIA6}/64`], [b, 'lo', `${FAR4}/32`], [b, 'lo', `${FAR6}/128`], [b, 'toA', '2001:db8::b/64'],
    ] as const;
    for (const [namespace, name, cidr] of addresses) {
      namespace.run('ip', 'address', 'add', cidr, 'dev', name, ...(cidr.includes(':') ? ['nodad'] : []));
    }
    await ours.settled();
    ourLinkLocal = String(ours.host.network.interfaceOf(device)?.linkLocal()?.address);
  });

  after(() => {
    ours?.close();
    a?.remove();
    b?.remove();
  });

  test('Linux goes to the next hop that we name', async () => {
    const { host } = ours;
    host.sysctl('net.ipv4.ip_forward', 1);
    host.sysctl('net.ipv6.conf.all.forwarding', 1);
    equal(host.addRoute('203.0.113.0/24', { via: VIA4 }), 0);
    equal(host.addRoute('2001:db8:77::/64', { via: VIA6, device }), 0);
    a.run('ip', 'route', 'add', '203.0.113.0/24', 'via', '192.0.2.2');
    a.run('ip', '-6', 'route', 'add', '2001:db8:77::/64', 'via', ourLinkLocal, 'dev', 'br0');
    // A redirect to a neighbour that is not known yet only makes Linux ask for it.
    for (const near of [VIA4, `${VIA6}%br0`]) equal((await a.runBeside(['ping', '-n', '-c', '1', '-W', '5', near])).status, 0, near);
    for (const far of [FAR4, FAR6]) {
      const { stdout } = await a.runBeside(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', far]);
      match(stdout, /3 received/);
    }
    match(a.run('ip', 'route', 'get', FAR4).stdout, new RegExp(`via ${VIA4} [\\s\\S]*<redirected>`));
    match(a.run('ip', 'route', 'get', FAR6).stdout, new RegExp(`via ${VIA6} `));
    equal(host.nstat()['IcmpOutRedirects'], 1);
    equal(host.nstat()['Icmp6OutRedirects'], 1);
  });

  test('we go to the next hop that Linux names', async () => {
    const { host } = ours;
    host.sysctl('net.ipv4.ip_forward', 0);
    host.sysctl('net.ipv6.conf.all.forwarding', 0);
    equal(host.deleteRoute('203.0.113.0/24'), 0);
    equal(host.deleteRoute('2001:db8:77::/64'), 0);
    equal(host.addRoute('203.0.113.0/24', { via: '192.0.2.1' }), 0);
    equal(host.addRoute('2001:db8:77::/64', { via: 'fe80::a', device }), 0);
    a.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    run(a.words('ip', 'route', 'flush', 'cache'));
    a.run('ip', 'route', 'replace', '203.0.113.0/24', 'via', VIA4);
    a.run('ip', '-6', 'route', 'replace', '2001:db8:77::/64', 'via', VIA6, 'dev', 'br0');
    const process = new Process(host, 'client');
    for (const [family, sockaddr, far, via] of [[AF.INET, sockaddrIn, FAR4, VIA4], [AF.INET6, sockaddrIn6, FAR6, VIA6]] as const) {
      const nextHop = (): string => String(host.network.lookup(IpAddress.from(far), null, null)?.nextHop);
      const fd = await process.socket(family, SOCK.DGRAM, 0);
      for (let i = 0; i < 20 && nextHop() !== via; i++) {
        await process.sendto(fd, new Uint8Array(10), 0, sockaddr(far, 9));
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      equal(nextHop(), via);
      await process.close(fd);
    }
    const { IcmpInRedirects = 0, Icmp6InRedirects = 0 } = host.nstat();
    equal(IcmpInRedirects > 0 && Icmp6InRedirects > 0, true);
  });
});
