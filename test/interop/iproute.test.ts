/**
 * Our `ip` against iproute2's: the same commands on a host of ours and in a network namespace of this machine, each with the
 * same output (lines sorted, blanks collapsed, interface numbers and times left out), the same words of refusal and the same
 * status. A peer is on the other end of a cable here, and of a pair of veth devices there.
 */
import { deepEqual, fail, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn } from '../../src/api/posix/sockaddr.ts';
import { ip } from '../../src/programs/ip.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { formatMac } from '../../src/wire/ethernet.ts';
import { needs } from '../needs.ts';
import { run } from './command.ts';
import { interopWorld } from './hosts.ts';
import { Namespace } from './namespace.ts';

const NEEDS = needs('root', 'namespaces', 'ip');

/** What stands behind `ip`; a line that begins with `wait` lets addresses be tested. */
const COMMANDS = `
-s link show lo
wait
link
addr
addr add 10.0.1.2/24
addr add 10.0.1.2/24 dev nope
addr add 10.0.1.2/33 dev eth0
addr add xx dev eth0
addr add
addr add dev eth0
addr add 10.0.1.2/24 dev eth0
addr add 10.0.1.2/24 dev eth0
addr replace 10.0.1.2/24 dev eth0
addr add 10.0.1.3/24 brd + dev eth0
addr add 10.0.2.3/24 broadcast 10.0.2.255 label eth0:1 dev eth0 scope link
addr add 10.0.2.4/24 label other dev eth0
addr add 10.0.3.3 dev eth0
addr del 10.0.3.3 dev eth0
addr del 10.0.1.9/24 dev eth0
addr del 10.0.1.2/25 dev eth0
maddr
-4 maddr show
-6 maddr show dev eth0
-0 maddress
-o maddr list eth0
maddr show nope
maddr show eth0 lo
maddr foo
ma
addr add 2001:db8::1/64 dev eth0 nodad
-6 addr add 2001:db8::1/64 dev eth0
addr add 2001:db8::/129 dev eth0
addr add ff02::9/64 dev eth0
-4 addr add 2001:db8::7/64 dev eth0
-6 addr add 10.0.1.7/24 dev eth0
wait
addr
addr show eth0
-4 addr show dev eth0
-6 addr
addr show up
-br a
-br addr show dev eth0
addr show label eth0:1
addr show label eth*
addr show scope link
addr show scope global
a s to 10.0.2.0/24
-o -4 a
-o addr
addr show dynamic
addr show permanent
addr show secondary
addr show primary
addr show tentative
-4 addr show scope host
addr show nope
addr show dev nope
addr foo
foo
-foo addr
-f foo addr
-family inet addr
-f inet6 addr
-0 addr
-4 -6 addr
address
ad
l
rou
n
ro l
nei li
route
-4 route
-6 route
route show table local
-6 route show table local
route show table all
route add 10.5.0.0/16 via 10.0.1.9
route add 10.5.0.0/16 via 10.0.1.9
route add 10.6.0.0/16 via 99.0.0.1
route add 10.6.0.0/16 dev nope
route add 10.6.0.0/16
route add 10.6.1.0/16 dev eth0
route add xx dev eth0
route add 10.6.0.0/16 via foo
route add 10.6.0.0/16 metric x dev lo
route add 10.6.0.0/33 dev lo
route add 10.6.0.0/16 dev lo src 1.2.3.4
route add 10.6.0.0/16 via 2001:db8::9
route add blackhole 10.6.0.0/16 dev eth0
route add default via 10.0.1.1 metric 100
route replace default via 10.0.1.4 metric 100
route add default dev eth0 metric 200
route add 10.7.0.0/16 dev eth0 src 10.0.1.2 proto static
route add blackhole 10.8.0.0/16
route add unreachable 10.9.0.0/16 metric 5
route add prohibit 10.10.0.0/16
route append 10.5.0.0/16 via 10.0.1.10
route prepend 10.5.0.0/16 via 10.0.1.11
route change 10.77.0.0/16 via 10.0.1.10
route replace 10.78.0.0/16 via 10.0.1.10 proto 77
route add 10.11.0.0/16 via 10.99.0.1 dev eth0 onlink
route add 10.12.0.1 via 10.0.1.9
route add 10.13.0.0/16 dev eth0 scope host
route
-4 route show dev eth0
route show default
route show 10.5.0.0/16
route show proto static
route show proto 77
route show table all type local
route show table main
route show table 254
route show table 77
route show table foo
-d route
route show via 10.0.1.9
route show root 10.0.0.0/8
route show match 10.5.1.1
route show exact 10.5.0.0/16
route list scope link
route show type blackhole
route show src 10.0.1.2
-o route
route show dev nope
route del 10.99.0.0/16
route del 10.5.0.0/16 via 10.0.1.10
route del 10.5.0.0/16 via 10.0.1.77
route del 10.7.0.0/16 proto kernel
route del default
route flush proto static
route flush proto static
route get 10.5.0.1
route get 10.0.1.2
route get 10.0.1.77
route get 127.0.0.1
route get 10.0.1.2 from 10.0.1.2
route get 10.5.0.1 from 10.0.2.3
route get 10.5.0.1 from 9.9.9.9
route get
route get 10.8.0.1
route get 10.9.0.1
route get 10.10.0.1
route get fibmatch 10.5.0.1
route get fibmatch 10.0.1.2
route get foo
route get 10.5.0.1 dev eth0
route get 10.5.0.1 dev nope
-o route get 10.5.0.1
route get 10.0.1.255
route get 224.0.0.9 dev eth0
-6 route add 2001:db8:5::/48 via 2001:db8::9
-6 route add 2001:db8:5::/48 via 2001:db8::9
-6 route add default via fe80::1
-6 route add default via fe80::1 dev eth0
-6 route add 2001:db8:4::/48 via 3001::1
-6 route add 2001:db8:4::/48 via 2001:db8::1
-6 route add unreachable 2001:db8:6::/48
-6 r add blackhole 2001:db8:7::/48
-6 route add prohibit 2001:db8:8::/48 metric 7
-6 route replace 2001:db8:5::/48 via 2001:db8::a
-6 route
-6 route show table all
-6 route show 2001:db8:5::/48
-6 route show dev eth0
-6 route show default
-6 route get 2001:db8:5::1
-6 route get 2001:db8:6::1
-6 route get 2001:db8:7::1
-6 route get 2001:db8:8::1
-6 route get 2001:db8::1
-6 route get ::1
-6 route get 2001:db8::77
-6 route get 3000::1
-6 route get fe80::77 dev eth0
route get 2001:db8::77
-6 route del 2001:db8:77::/48
-6 route del 2001:db8:5::/48
-6 route flush proto boot
-6 route
neigh
neigh add 10.0.1.9 lladdr 2:0:0:0:0:9 dev eth0
neigh add 10.0.1.9 lladdr 2:0:0:0:0:9 dev eth0
neigh replace 10.0.1.9 lladdr 2:0:0:0:0:a dev eth0
neigh add 10.0.1.10 lladdr 2:0:0:0:0:b dev eth0 nud stale
neigh add 10.0.1.11 dev eth0
neigh add 2001:db8::7 lladdr 2:0:0:0:0:b dev eth0 router nud reachable
neigh change 10.0.1.22 lladdr 2:0:0:0:0:b dev eth0
neigh add 10.0.1.12
neigh add 10.0.1.12 lladdr zz dev eth0
neigh add 10.0.1.12 lladdr 2:0:0:0:0:c dev nope
neigh add
neigh del 10.0.1.99 dev eth0
neigh add 10.0.1.13 lladdr 2:0:0:0:0:c dev eth0 nud foo
neigh add 10.0.1.14 lladdr 2:0:0:0:0:c dev eth0 nud noarp
neigh add 10.0.1.15 lladdr 2:0:0:0:0:c dev eth0 nud failed
neigh
-4 neigh
-6 neigh
neigh show dev eth0
neigh show 10.0.1.9
neigh show nud permanent
neigh show nud noarp to 10.0.1.0/24
neigh show nud reachable
neigh show to 10.0.1.0/28
neigh show nud foo
neigh show dev nope
neigh get 10.0.1.9 dev eth0
neigh get 10.0.1.77 dev eth0
-br neigh
neigh del 10.0.1.9 dev eth0
neigh del 10.0.1.9 dev eth0
neigh flush
send 10.0.1.77
neigh
wait
neigh
send 10.0.1.200
neigh
neigh flush dev eth0
neigh
neigh foo
link show eth0
link show dev nope
link set eth0 mtu 1400
link set eth0 mtu 10
link set eth0 mtu 100000
link set eth0 mtu x
link set nope up
link set
link set eth0
link set eth0 foo
link show eth0
-br link
-o link
link foo
link show up
link show type vlan
link delete eth9
link del lo
link add foo
link add foo type nosuch
link set eth0 promisc on
link show eth0
link set eth0 promisc off
link set eth0 promisc maybe
link set eth0 mtu 1500
neigh add 10.0.1.20 lladdr 2:0:0:0:0:b dev eth0
-6 route add 2001:db8:9::/48 via 2001:db8::9
link set eth0 down
link show eth0
-br link
addr
route
-6 route
neigh
route show table all
route add 10.20.0.0/16 dev eth0
addr add 10.0.20.1/24 dev eth0
route
link set eth0 up
wait
link
addr
route
-6 route
route show table all
addr del 10.0.20.1/24 dev eth0
addr del 10.0.2.3/24 dev eth0
addr flush dev eth0 scope global
addr flush
addr
route
`.trim().split('\n');

/** Blanks collapsed, numbers of interfaces and times left out, lines sorted. */
function lines(text: string): string[] {
  return text.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim()
    // The other end is in another namespace, which has a number here.
    .replace(/^(\d+): (\w+)@if\d+/, '$1: $2').replace(/ link-netns(id \d+| \S+)/, '').replace(/^(\S+)@if\d+ /, '$1 ')
    .replace(/^\d+: /, 'N: ').replaceAll(/used \S+probes/g, 'used probes')
    // The system call that carries the question fills it in by its own.
    .replace(/ rt_offload_failed/, '')).filter((line) => line !== '').sort();
}

describe('ip as iproute2 has it', { skip: NEEDS.skip, timeout: 120_000 }, () => {
  let here: Namespace;
  let there: Namespace;

  before(() => {
    here = new Namespace();
    there = new Namespace();
  });

  after(() => {
    here?.remove();
    there?.remove();
  });

  test('the same words, the same output, the same status', () => interopWorld({ seed: 1 }, async (world) => {
    const host = world.host('a');
    const peer = world.host('peer');
    const { a, b } = world.cable(host, peer, { nameA: 'eth0', nameB: 'eth0', addressA: [], addressB: ['10.0.1.200/24'] });
    // The hardware addresses are those of the cable's ends.
    const [mac, peerMac] = [a, b].map(({ macHi, macLo }) => formatMac(macHi, macLo)) as [string, string];
    here.run('ip', 'link', 'add', 'eth0', 'address', mac, 'type', 'veth', 'peer', 'name', 'eth0', 'address', peerMac, 'netns', there.name);
    there.run('ip', 'addr', 'add', '10.0.1.200/24', 'dev', 'eth0');
    for (const namespace of [there, here]) namespace.run('ip', 'link', 'set', 'eth0', 'up');
    let said = '';
    const process = new Process(host, 'shell', { output: (bytes) => said += new TextDecoder().decode(bytes) });
    const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
    const wrong: string[] = [];
    for (const command of COMMANDS) {
      const words = command.split(' ');
      if (words[0] === 'wait') {
        await world.sleep(5_000_000);
        here.run('sleep', '3.5');
        continue;
      }
      if (words[0] === 'send') {
        await process.sendto(fd, new Uint8Array(3), 0, sockaddrIn(words[1] as string, 9));
        here.run('bash', '-c', `echo hi > /dev/udp/${words[1]}/9`);
        await world.sleep(100_000);
        here.run('sleep', '0.1');
        continue;
      }
      said = '';
      const status = await ip(process, words);
      const ours = { status, lines: lines(said) };
      const ended = run(here.words('ip', ...words));
      const linux = { status: ended.status, lines: lines(ended.stdout + ended.stderr) };
      try {
        deepEqual(ours, linux);
      } catch {
        wrong.push(`$ ip ${command}\n--- ours: ${ours.status}\n${ours.lines.join('\n')}\n--- iproute2: ${linux.status}\n${linux.lines.join('\n')}\n`);
      }
    }
    if (wrong.length > 0) fail(`${wrong.length} of ${COMMANDS.length} commands differ:\n${wrong.join('\n')}`);
    ok(COMMANDS.length > 200);
  }));
});
