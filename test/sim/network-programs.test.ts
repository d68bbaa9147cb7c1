/** ping, traceroute, nc, telnet and tcpdump on the hosts of a world: their words, their statuses, and that nothing stays. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, SIGQUIT, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn } from '../../src/api/posix/sockaddr.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { wrote, WROTE_PORT } from '../../src/programs/wrote.ts';
import type { World } from '../../src/sim/world.ts';
import { seed } from '../results.ts';
import { RunningProgram, runProgram } from './program-runner.ts';

/** Two hosts that know each other by name. */
function pair(world: World): { a: Host; b: Host; drop: (on: boolean) => void } {
  const [a, b] = [world.host('a'), world.host('b')];
  const cable = world.cable(a, b, { delayUs: 5000 });
  for (const host of [a, b]) {
    host.writeFile('/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n10.0.1.1 a\n10.0.1.2 b\nfd00:1::1 a6\nfd00:1::2 b6\n');
  }
  return { a, b, drop: (on) => cable.set({ loss: on ? 1 : 0 }) };
}

async function startWrote(host: Host): Promise<Process> {
  const process = new Process(host, 'wrote');
  await new Promise<void>((resolve, reject) => void wrote(process, [], resolve).then(() => {}, reject));
  return process;
}

test('ping: replies, names, both families, and what is left', () => simulate({ seed }, async (world) => {
  const { a } = pair(world);
  deepEqual(await runProgram(a, 'ping -c 3 b'), {
    status: 0,
    stdout: 'PING b (10.0.1.2) 56(84) bytes of data.\n' +
      '64 bytes from b (10.0.1.2): icmp_seq=1 ttl=64 time=20.0 ms\n' +
      '64 bytes from b (10.0.1.2): icmp_seq=2 ttl=64 time=10.0 ms\n' +
      '64 bytes from b (10.0.1.2): icmp_seq=3 ttl=64 time=10.0 ms\n' +
      '\n--- b ping statistics ---\n3 packets transmitted, 3 received, 0% packet loss, time 2000ms\n' +
      'rtt min/avg/max/mdev = 10.000/13.333/20.000/4.714 ms\n',
    stderr: '',
  });
  deepEqual(await runProgram(a, 'ping -n -c 1 -s 8000 fd00:1::2'), {
    status: 0,
    stdout: 'PING fd00:1::2(fd00:1::2) 8000 data bytes\n8008 bytes from fd00:1::2: icmp_seq=1 ttl=64 time=20.0 ms\n' +
      '\n--- fd00:1::2 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms\n' +
      'rtt min/avg/max/mdev = 20.000/20.000/20.000/0.000 ms\n',
    stderr: '',
  });
  match((await runProgram(a, 'ping -c 2 -s 8 -t 3 b')).stdout, /^16 bytes from b \(10\.0\.1\.2\): icmp_seq=2 ttl=64$/m);
  await world.sleep(60e6);
  deepEqual(world.leftovers(), []);
}));

test('ping: who is not there, who does not answer, where no way leads', () => simulate({ seed }, async (world) => {
  const { a, drop } = pair(world);
  deepEqual(await runProgram(a, 'ping -c 1 10.0.1.9'), {
    status: 1,
    stdout: 'PING 10.0.1.9 (10.0.1.9) 56(84) bytes of data.\nFrom 10.0.1.1 icmp_seq=1 Destination Host Unreachable\n' +
      '\n--- 10.0.1.9 ping statistics ---\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n',
    stderr: '',
  });
  match((await runProgram(a, 'ping -c 1 fd00:1::9')).stdout, /^From fd00:1::1 icmp_seq=1 Destination unreachable: Address unreachable$/m);
  deepEqual(await runProgram(a, 'ping -c 1 203.0.113.1'), { status: 2, stdout: '', stderr: 'ping: connect: Network is unreachable\n' });
  equal((await runProgram(a, 'ping -c 1 b')).status, 0);
  drop(true);
  const began = world.now;
  match((await runProgram(a, 'ping -w 3 b')).stdout, /^3 packets transmitted, 0 received, 100% packet loss, time 2000ms$/m);
  equal(world.now - began, 3e6, '-w ends it');
  match((await runProgram(a, 'ping -c 1 -W 0.5 b')).stdout, /1 packets transmitted, 0 received/);
  drop(false);
}));

test('ping: SIGQUIT asks, SIGINT ends with the statistics', () => simulate({ seed }, async (world) => {
  const { a } = pair(world);
  const running = new RunningProgram(a, ['ping', 'b']);
  await world.sleep(1_500_000);
  await running.interrupt(SIGQUIT);
  await world.sleep(1_000_000);
  await running.interrupt();
  const { status, stdout, stderr } = await running.ended;
  equal(status, 0);
  match(stderr, /^2\/2 packets, 0% loss, min\/avg\/ewma\/max = 10\.000\/15\.000\/.*\/20\.000 ms\n$/);
  match(stdout, /3 packets transmitted, 3 received, 0% packet loss, time 2000ms/);
}));

test('ping: wrong words', () => simulate({ seed }, async (world) => {
  const { a } = pair(world);
  for (const [words, status, sentence] of [
    ['ping', 1, 'ping: usage error: Destination address required\n'],
    ['ping -c 0 b', 1, "ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807\n"],
    ['ping -c x b', 1, "ping: invalid argument: 'x'\n"],
    ['ping nosuch', 2, 'ping: nosuch: Temporary failure in name resolution\n'],
    ['ping -6 10.0.1.2', 2, 'ping: 10.0.1.2: Address family for hostname not supported\n'],
    ['ping -t 0 b', 2, 'ping: cannot set unicast time-to-live: Invalid argument\n'],
    ['ping -I wlan0 b', 2, 'ping: SO_BINDTODEVICE wlan0: No such device\n'],
    ['ping 10.0.1.255', 2, 'ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n'],
  ] as const) {
    deepEqual(await runProgram(a, words), { status, stdout: '', stderr: sentence }, words);
  }
  match((await runProgram(a, 'ping -z b')).stderr, /^ping: invalid option -- 'z'\n\nUsage/);
}));

/** Six cables in a row, seven machines; the first and the last are no routers. */
function row(world: World): Host[] {
  const hosts = Array.from({ length: 7 }, (_, i) => world.host(`m${i + 1}`));
  hosts.slice(1).forEach((host, i) => world.cable(hosts[i] as Host, host, { delayUs: 1000 }));
  hosts.forEach((host, i) => {
    for (let n = 1; n <= 6; n++) {
      const via = n < i ? [`10.0.${i}.1`, `fd00:${i}::1`] : n > i + 1 ? [`10.0.${i + 1}.2`, `fd00:${i + 1}::2`] : null;
      if (via === null) continue;
      equal(host.addRoute(`10.0.${n}.0/24`, { via: via[0] as string }), 0);
      equal(host.addRoute(`fd00:${n}::/64`, { via: via[1] as string }), 0);
    }
    if (i === 0 || i === 6) return;
    host.sysctl('net.ipv4.ip_forward', 1);
    host.sysctl('net.ipv6.conf.all.forwarding', 1);
  });
  return hosts;
}

test('traceroute over six hops, both families, datagrams and echoes', () => simulate({ seed }, async (world) => {
  const first = row(world)[0] as Host;
  first.writeFile('/etc/hosts', '127.0.0.1 localhost\n10.0.6.2 far\n10.0.2.2 second\n');
  for (const [target, hop, size] of [['10.0.6.2', (n: number) => `10.0.${n}.2`, 60], ['fd00:6::2', (n: number) => `fd00:${n}::2`, 80]] as const) {
    // Link-local addresses have been tested by then, and an echo fills the neighbour caches.
    await world.sleep(5e6);
    equal((await runProgram(first, `ping -c 1 ${target}`)).status, 0);
    for (const method of ['', '-I ']) {
      // Six errors a second for one host, and then one a second: as on Linux, one traceroute right after another finds silence.
      await world.sleep(10e6);
      const { status, stdout, stderr } = await runProgram(first, `traceroute ${method}-n ${target}`);
      deepEqual([status, stderr], [0, '']);
      const lines = stdout.trimEnd().split('\n');
      equal(lines[0], `traceroute to ${target} (${target}), 30 hops max, ${size} byte packets`);
      const hops = lines.slice(1).map((line) => line.replace(/ {2}\d+\.\d{3} ms| \*/g, ' T'));
      deepEqual(hops, [1, 2, 3, 4, 5, 6].map((n) => ` ${n}  ${hop(n)} T T T`), stdout);
      match(lines[1] as string, / {2}2\.000 ms {2}2\.000 ms {2}2\.000 ms$/, 'there and back');
    }
  }
  const { stdout } = await runProgram(first, 'traceroute -q 1 far');
  match(stdout, /^traceroute to far \(10\.0\.6\.2\), 30 hops max, 60 byte packets\n 1 {2}10\.0\.1\.2 \(10\.0\.1\.2\) {2}2\.000 ms\n 2 {2}second \(10\.0\.2\.2\) {2}4\.000 ms\n/);
  match(stdout, /\n 6 {2}far \(10\.0\.6\.2\) {2}12\.000 ms\n$/);
  await world.sleep(60e6);
  deepEqual(world.leftovers(), []);
}));

test('traceroute: a router that says no, a host that is silent, hops that are left out', () => simulate({ seed }, async (world) => {
  const hosts = row(world);
  const first = hosts[0] as Host;
  const third = hosts[2] as Host;
  equal((await runProgram(first, 'ping -c 1 10.0.6.2')).status, 0);
  equal(third.addRoute('10.0.6.2/32', { type: 'prohibit' }), 0);
  match((await runProgram(first, 'traceroute -n -q 1 10.0.6.2')).stdout, /\n 1 {2}10\.0\.1\.2 {2}.* ms\n 2 {2}10\.0\.2\.2 {2}.* ms !X\n$/);
  equal(third.addRoute('10.0.6.3/32', { type: 'blackhole' }), 0);
  match((await runProgram(first, 'traceroute -n -q 1 -m 3 -w 1 10.0.6.3')).stdout, /\n 1 {2}10\.0\.1\.2 {2}.* ms\n 2 {2}\*\n 3 {2}\*\n$/);
  match((await runProgram(first, 'traceroute -n -q 1 -f 5 10.0.5.2')).stdout, /packets\n 5 {2}10\.0\.5\.2 {2}10\.000 ms\n$/);
  const far = await runProgram(first, 'traceroute -n -q 1 203.0.113.1');
  deepEqual([far.status, far.stderr], [1, '\nconnect: Network is unreachable\n']);
  equal((await runProgram(first, 'traceroute -m 300 10.0.6.2')).stderr, 'max hops cannot be more than 255\n');
  equal((await runProgram(first, 'traceroute -Z 10.0.6.2')).stderr, "Bad option `-Z' (argc 1)\n");
}));

test('traceroute -w: how long it waits for a hop that does not answer; -q, -N, -z, -f, -m', () => simulate({ seed }, async (world) => {
  const hosts = row(world);
  const first = hosts[0] as Host;
  for (const target of ['10.0.6.2', 'fd00:6::2']) {
    await world.sleep(10e6);
    equal((await runProgram(first, `ping -c 1 ${target}`)).status, 0);
  }
  const timed = async (words: string): Promise<[number, string[]]> => {
    await world.sleep(30e6);
    const began = world.now;
    const { status, stdout } = await runProgram(first, `traceroute -n ${words}`);
    equal(status, 0, words);
    return [Math.round((world.now - began) / 1000), stdout.trimEnd().split('\n').slice(1).map((line) => line.replace(/  \d+\.\d{3} ms/g, ' T'))];
  };
  // Nobody at the target: no answer before MAX, whatever the factors.
  equal(hosts[5]?.addRoute('10.0.6.77/32', { type: 'blackhole' }), 0);
  for (const [words, ms] of [
    ['-q 1 -f 6 -m 6 -w 2 10.0.6.77', 2000], ['-q 1 -f 6 -m 6 -w 0.5,3,10 10.0.6.77', 500], ['-q 1 -f 6 -m 6 10.0.6.77', 5000],
    ['-q 3 -f 6 -m 6 -w 1 10.0.6.77', 1000], ['-q 3 -N 1 -f 6 -m 6 -w 1 10.0.6.77', 3000],
    // Between probes, in seconds up to ten and in milliseconds beyond: the wait is for the last one.
    ['-q 3 -z 2 -f 6 -m 6 -w 1 10.0.6.77', 5000], ['-q 3 -z 200 -f 6 -m 6 -w 1 10.0.6.77', 1400],
  ] as const) {
    const [took, hops] = await timed(words);
    equal(took, ms, words);
    deepEqual(hops, [` 6 ${words.includes('-q 3') ? ' * * *' : ' *'}`], words);
  }
  // The second hop says nothing: NEAR times what the third one took (6 ms and one more), or MAX.
  const second = hosts[2] as Host;
  for (const name of ['net.ipv4.icmp_msgs_per_sec', 'net.ipv4.icmp_msgs_burst']) second.sysctl(name, 0);
  for (const [wait, ms] of [['', 70], ['-w 5,3,4 ', 28], ['-w 5,3,0 ', 5000], ['-w 0.05,3,10 ', 50]] as const) {
    const [took, hops] = await timed(`-q 1 -f 2 -m 3 ${wait}10.0.6.2`);
    equal(took, ms, wait);
    deepEqual(hops, [' 2  *', ' 3  10.0.3.2 T'], wait);
  }
  // One after the other takes the sum of the ways.
  equal((await timed('-q 1 -N 1 -f 5 -m 5 fd00:6::2'))[0], 10);
  deepEqual((await timed('-q 2 -N 2 -f 3 -m 4 fd00:6::2'))[1], [' 3  fd00:3::2 T T', ' 4  fd00:4::2 T T']);
  deepEqual((await timed('-q 4 -N 1 -f 6 10.0.6.2'))[1], [' 6  10.0.6.2 T T T T']);
}));

const TIME = String.raw`\d\d:\d\d:\d\d\.\d{6}`;

test('the article: tcpdump -i any tcp port 9502 beside telnet 127.0.0.1 9502, with names, and nothing of another port', () =>
  simulate({ seed }, async (world) => {
    const { a, b } = pair(world);
    const server = await startWrote(b);
    const other = new Process(b, 'other');
    await new Promise<void>((resolve, reject) => void wrote(other, ['9503'], resolve).then(() => {}, reject));
    const dump = new RunningProgram(b, ['tcpdump', '-i', 'any', 'tcp', 'port', '9502']);
    await world.sleep(100_000);
    const telnet = new RunningProgram(b, ['telnet', '127.0.0.1', String(WROTE_PORT)]);
    await world.sleep(500_000);
    // Another port, another protocol, another host: the filter lets none of it through.
    equal((await runProgram(b, 'nc -N 127.0.0.1 9503', 'no\n')).stdout, 'You wrote: no\n');
    equal((await runProgram(a, 'ping -c 1 b')).status, 0);
    telnet.type('hello\n');
    await world.sleep(16_000_000);
    telnet.endInput();
    deepEqual(await telnet.ended, {
      status: 0, stdout: "Trying 127.0.0.1...\nConnected to 127.0.0.1.\nEscape character is '^]'.\nYou wrote: hello\n",
      stderr: 'Connection closed by foreign host.\n',
    });
    await world.sleep(100_000);
    await dump.interrupt();
    const { status, stdout, stderr } = await dump.ended;
    equal(status, 0);
    const port = /localhost\.(\d+) > localhost\.9502: Flags \[S\]/.exec(stdout)?.[1] as string;
    const out = `lo    In  IP localhost\\.${port} > localhost\\.9502:`;
    const back = `lo    In  IP localhost\\.9502 > localhost\\.${port}:`;
    const stamps = 'options \\[nop,nop,TS val \\d+ ecr \\d+\\]';
    const lines = [
      `${out} Flags \\[S\\], seq \\d+, win \\d+, options \\[mss 65495,sackOK,TS val \\d+ ecr 0,nop,wscale \\d+\\], length 0`,
      `${back} Flags \\[S\\.\\], seq \\d+, ack \\d+, win \\d+, options \\[mss 65495,sackOK,TS val \\d+ ecr \\d+,nop,wscale \\d+\\], length 0`,
      `${out} Flags \\[\\.\\], ack 1, win \\d+, ${stamps}, length 0`,
      `${out} Flags \\[P\\.\\], seq 1:8, ack 1, win \\d+, ${stamps}, length 7`,
      `${back} Flags \\[\\.\\], ack 8, win \\d+, ${stamps}, length 0`,
      `${back} Flags \\[P\\.\\], seq 1:19, ack 8, win \\d+, ${stamps}, length 18`,
      `${out} Flags \\[\\.\\], ack 19, win \\d+, ${stamps}, length 0`,
      `${out} Flags \\[F\\.\\], seq 8, ack 19, win \\d+, ${stamps}, length 0`,
      `${back} Flags \\[F\\.\\], seq 19, ack 9, win \\d+, ${stamps}, length 0`,
      `${out} Flags \\[\\.\\], ack 20, win \\d+, ${stamps}, length 0`,
    ];
    match(stdout, new RegExp(`^${lines.map((line) => `${TIME} ${line}\n`).join('')}\n$`));
    equal(stderr, 'tcpdump: data link type LINUX_SLL2\n' +
      'tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n' +
      'listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n' +
      '10 packets captured\n20 packets received by filter\n0 packets dropped by kernel\n');
    server.exit();
    other.exit();
    await world.sleep(120e6);
    deepEqual(world.leftovers(), []);
  }));

test('tcpdump: an interface, a file and back, counts, directions, lists, and what is refused', () => simulate({ seed }, async (world) => {
  const { a } = pair(world);
  const dump = new RunningProgram(a, ['tcpdump', '-n', '-i', 'eth0', '-c', '2', '-w', '/tmp/x.pcap', 'icmp']);
  const incoming = new RunningProgram(a, ['tcpdump', '-n', '-i', 'any', '-Q', 'in', 'icmp and less 2000']);
  await world.sleep(100_000);
  equal((await runProgram(a, 'ping -c 1 b')).status, 0);
  deepEqual(await dump.ended, {
    status: 0, stdout: '',
    stderr: 'tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n' +
      '2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n',
  });
  await incoming.interrupt();
  const { stdout } = await incoming.ended;
  match(stdout, new RegExp(`^${TIME} eth0  In  IP 10\\.0\\.1\\.2 > 10\\.0\\.1\\.1: ICMP echo reply, id \\d+, seq 1, length 64\n\n$`));
  match((await runProgram(a, 'tcpdump -r /tmp/x.pcap -t icmp[icmptype] = icmp-echo')).stdout, /^IP 10\.0\.1\.1 > 10\.0\.1\.2: ICMP echo request, id \d+, seq 1, length 64\n$/);
  equal((await runProgram(a, 'tcpdump -D')).stdout, '1.eth0 [Up, Running, Connected]\n2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n3.lo [Up, Running, Loopback]\n');
  match((await runProgram(a, 'tcpdump -d ip')).stdout, /^\(000\) ldh +\[12\]\n\(001\) jeq +#0x800 /);
  for (const [words, sentence] of [
    ['tcpdump -i wlan0', /^tcpdump: wlan0: No such device exists\n\(No such device exists\)\n$/],
    ['tcpdump -i any tcp prt 5', /^tcpdump: can't parse filter expression: .*'prt'.*\n {2}tcp prt 5\n {6}\^\n$/],
    ['tcpdump -c 0', /^tcpdump: invalid packet count 0\n$/],
    ['tcpdump -r /tmp/none', /^tcpdump: \/tmp\/none: No such file or directory\n$/],
    ['tcpdump -r /etc/hosts', /^tcpdump: .*neither pcap nor pcapng/],
  ] as const) {
    const ended = await runProgram(a, words);
    equal(ended.status, 1);
    match(ended.stderr, sentence);
  }
}));

test('nc: streams, datagrams, paths, scans, and that -k goes on', () => simulate({ seed }, async (world) => {
  const { a, b } = pair(world);
  const listener = new RunningProgram(b, ['nc', '-lkv', '8000']);
  await world.sleep(1000);
  deepEqual(await runProgram(a, 'nc -Nv b 8000', 'one\n'), { status: 0, stdout: '', stderr: 'Connection to b (10.0.1.2) 8000 port [tcp/*] succeeded!\n' });
  deepEqual(await runProgram(a, 'nc -Nvn 10.0.1.2 8000', 'two\n'), { status: 0, stdout: '', stderr: 'Connection to 10.0.1.2 8000 port [tcp/*] succeeded!\n' });
  await world.sleep(100_000);
  match(listener.stderr, /^Listening on 0\.0\.0\.0 8000\nConnection received on a \d+\nConnection received on a \d+\n$/);
  equal(listener.stdout, 'one\ntwo\n');
  const scan = await runProgram(a, 'nc -zv b 7999-8001');
  equal(scan.status, 0);
  equal(scan.stderr, 'nc: connect to b (10.0.1.2) port 7999 (tcp) failed: Connection refused\n' +
    'Connection to b (10.0.1.2) 8000 port [tcp/*] succeeded!\nnc: connect to b (10.0.1.2) port 8001 (tcp) failed: Connection refused\n');
  await listener.interrupt();
  equal((await listener.ended).status, 130);

  const datagrams = new RunningProgram(b, ['nc', '-luv', '8000']);
  await world.sleep(1000);
  deepEqual(await runProgram(a, 'nc -u -q 1 b 8000', 'three\n'), { status: 0, stdout: '', stderr: '' });
  match(datagrams.stderr, /^Listening on 0\.0\.0\.0 8000\nConnection received on a \d+\n$/);
  equal(datagrams.stdout, 'three\n');
  await datagrams.interrupt();
  equal((await runProgram(a, 'nc -uz b 8005')).status, 1);

  const local = new RunningProgram(a, ['nc', '-lU', '/tmp/socket']);
  await world.sleep(1000);
  equal((await runProgram(a, 'nc -NU /tmp/socket', 'four\n')).status, 0);
  equal((await local.ended).stdout, 'four\n');
  deepEqual(await runProgram(a, 'nc -U /tmp/none'), { status: 1, stdout: '', stderr: 'nc: /tmp/none: No such file or directory\n' });

  match((await runProgram(a, 'nc -w 1 -v 10.0.1.9 80')).stderr, /^nc: connect to 10\.0\.1\.9 port 80 \(tcp\) timed out: Operation now in progress\n$/);
  match((await runProgram(a, 'nc nosuch 80')).stderr, /^nc: getaddrinfo for host "nosuch" port 80: Temporary failure in name resolution\n$/);
  match((await runProgram(a, 'nc b httpnot')).stderr, /^nc: port number invalid: httpnot\n$/);
  match((await runProgram(a, 'nc -l')).stderr, /^nc: missing port number\n$/);
  match((await runProgram(a, 'nc')).stderr, /^usage: nc /);
  await world.sleep(120e6);
  deepEqual(world.leftovers(), []);
}));

test('telnet: names, refusals, the escape character, options that the other side asks for', () => simulate({ seed }, async (world) => {
  const { a, b } = pair(world);
  const server = await startWrote(b);
  const typed = new RunningProgram(a, ['telnet', 'b', String(WROTE_PORT)]);
  await world.sleep(100_000);
  typed.type('hello\n');
  await world.sleep(100_000);
  typed.type('\x1dstatus\n');
  await world.sleep(100_000);
  typed.type('\x1d\n');
  await world.sleep(100_000);
  typed.type('quit\n');
  deepEqual(await typed.ended, {
    status: 0, stderr: '',
    stdout: "Trying 10.0.1.2...\nConnected to b.\nEscape character is '^]'.\nYou wrote: hello\n" +
      "\ntelnet> Connected to b.\nOperating in obsolete linemode\nLocal character echo\nEscape character is '^]'.\n" +
      '\ntelnet> Connection closed.\n',
  });
  server.exit();
  deepEqual(await runProgram(a, 'telnet localhost 81'), {
    status: 1, stdout: 'Trying ::1...\nTrying 127.0.0.1...\n',
    stderr: 'telnet: connect to address ::1: Connection refused\ntelnet: Unable to connect to remote host: Connection refused\n',
  });
  equal((await runProgram(a, 'telnet nosuch')).stdout, 'Server lookup failure:  nosuch:telnet, Temporary failure in name resolution\n');
  deepEqual(await runProgram(a, 'telnet', 'quit\n'), { status: 0, stdout: 'telnet> ', stderr: '' });

  // A server that negotiates: WILL ECHO, WILL SUPPRESS-GO-AHEAD (twice), DO TERMINAL-TYPE, a subnegotiation, IAC IAC, CR NUL.
  const negotiator = new Process(b, 'negotiator');
  const listener = await negotiator.socket(AF_INET, SOCK_STREAM, 0);
  await negotiator.bind(listener, sockaddrIn('0.0.0.0', 8000));
  await negotiator.listen(listener, 1);
  const client = new RunningProgram(a, ['telnet', 'b', '8000']);
  const { fd } = await negotiator.accept(listener);
  await negotiator.write(fd, Uint8Array.of(255, 251, 1, 255, 251, 3, 255, 251, 3, 255, 253, 24, 255, 250, 24, 1, 255, 240, 255, 255, 13, 0, 111, 255));
  await negotiator.write(fd, Uint8Array.of(252, 3, 107, 13, 10));
  await world.sleep(100_000);
  const answer = new Uint8Array(100);
  const n = await negotiator.read(fd, answer);
  deepEqual([...answer.subarray(0, n)], [255, 254, 1, 255, 253, 3, 255, 252, 24, 255, 254, 3]);
  // The byte 255 is none of UTF-8.
  equal(client.stdout.split("'^]'.\n")[1], '\ufffd\rok\n');
  client.type('a\n');
  await world.sleep(100_000);
  equal(await negotiator.read(fd, answer), 3);
  deepEqual([...answer.subarray(0, 3)], [97, 13, 10]);
  await negotiator.close(fd);
  deepEqual(await client.ended.then(({ status, stderr }) => [status, stderr]), [0, 'Connection closed by foreign host.\n']);
}));
