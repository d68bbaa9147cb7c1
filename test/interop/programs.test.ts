/**
 * Our ping, traceroute, nc and telnet on a TAP host beside Debian's in a namespace, in the same situation before the same
 * Linux kernel: the same words, the same statuses. Addresses, times and ports are mapped.
 *
 *   ours, 198.51.100.2 2001:db8:2::2 ---TAP--- .1 ::1 l .1 ::1 ---veth--- 192.0.2.2 2001:db8:1::2, Debian's programs
 *                                              l .1 ::1 ---veth--- 203.0.113.2 2001:db8:3::2, the far host
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Cidr, parseCidr } from '../../src/base/inet-address.ts';
import type { Host } from '../../src/host.ts';
import { Cable } from '../../src/link/cable.ts';
import { needs } from '../needs.ts';
import { type ProgramEnd, RunningProgram, runProgram } from '../sim/program-runner.ts';
import { commandLine, type Running } from './command.ts';
import { Namespace } from './namespace.ts';
import { TapHost } from './tap-host.ts';

const NEEDS = needs('root', 'namespaces', 'tap', 'ip', 'python3', 'ping', 'traceroute', 'nc', 'telnet');

/** Port 9502 answers lines on TCP, 9503 sends back on UDP; both families. */
const SERVER = `
import socket, threading
def stream():
    s = socket.create_server(('::', 9502), family=socket.AF_INET6, dualstack_ipv6=True)
    def serve(c):
        for line in c.makefile('rb'): c.sendall(b'You wrote: ' + line)
        c.close()
    while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
threading.Thread(target=stream, daemon=True).start()
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
u.bind(('::', 9503))
print('ready', flush=True)
while True:
    data, peer = u.recvfrom(65536)
    u.sendto(data, peer)
`;

/** Debian's side and ours: what a command's words stand for. */
const THEIRS: Readonly<Record<string, string>> = {
  NEAR4: '192.0.2.1', OWN4: '192.0.2.2', NOBODY4: '192.0.2.77', NEAR6: '2001:db8:1::1', OWN6: '2001:db8:1::2', NOBODY6: '2001:db8:1::77',
};
const OURS: Readonly<Record<string, string>> = {
  NEAR4: '198.51.100.1', OWN4: '198.51.100.2', NOBODY4: '198.51.100.77', NEAR6: '2001:db8:2::1', OWN6: '2001:db8:2::2', NOBODY6: '2001:db8:2::77',
};
const FAR: Readonly<Record<string, string>> = {
  FAR4: '203.0.113.2', GONE4: '203.0.113.77', FAR6: '2001:db8:3::2', GONE6: '2001:db8:3::77', NOWAY4: '10.99.0.1', NOWAY6: '2001:db8:99::1',
};

function filledIn(words: string, side: Readonly<Record<string, string>>): string {
  return words.replace(/[A-Z]+[46]\b/g, (word) => side[word] ?? FAR[word] ?? word);
}

/** What both sides said, without what must differ. */
function mapped({ status, stdout, stderr }: Omit<ProgramEnd, 'status'> & { status: number | null }, side: Readonly<Record<string, string>>): unknown {
  const map = (text: string): string => {
    let plain = text;
    // The longer ones first: an address may begin as another one does.
    for (const [name, address] of Object.entries({ ...side, ...FAR }).sort((a, b) => b[1].length - a[1].length)) plain = plain.replaceAll(address, name);
    return plain
      .replace(/time[= ][\d.]+ ?ms/g, 'time T')
      .replace(/= [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms/g, '= T')
      .replace(/ {2}\d+\.\d{3} ms/g, '  T ms')
      .replace(/^\[\d+\.\d{6}\]/gm, '[T]')
      .replace(/ident=\d+/g, 'ident=N')
      .replace(/(received on \S+) \d+/g, '$1 PORT');
  };
  return { status, stdout: map(stdout), stderr: map(stderr) };
}

describe('our programs beside Debian\'s', { skip: NEEDS.skip, timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-programs-'));
  let debian: Namespace;
  let linux: Namespace;
  let far: Namespace;
  let ours: TapHost;
  let server: Running;

  before(async () => {
    [debian, linux, far] = [new Namespace(), new Namespace(), new Namespace()];
    const join_ = (to: Namespace, name: string, here: readonly string[], there: readonly string[]): void => {
      linux.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', to.name);
      for (const address of here) linux.run('ip', 'address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
      for (const address of there) to.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
      linux.run('ip', 'link', 'set', 'dev', name, 'up');
      to.run('ip', 'link', 'set', 'dev', 'eth0', 'up');
      for (const address of here) to.run('ip', 'route', 'add', 'default', 'via', address.replace(/\/.*/, ''));
    };
    join_(debian, 'd0', ['192.0.2.1/24', '2001:db8:1::1/64'], ['192.0.2.2/24', '2001:db8:1::2/64']);
    join_(far, 'f0', ['203.0.113.1/24', '2001:db8:3::1/64'], ['203.0.113.2/24', '2001:db8:3::2/64']);
    linux.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    // Two traceroutes at once soon ask for more than the fifty errors that a host has in hand for all together.
    const limits = ['net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000', 'net.ipv4.icmp_msgs_burst=10000'];
    for (const namespace of [linux, far]) namespace.run('sysctl', '-eqw', ...limits);
    ours = new TapHost();
    const device = await ours.connect(linux, ['198.51.100.2/24', '2001:db8:2::2/64']);
    for (const address of ['198.51.100.1/24', '2001:db8:2::1/64']) {
      linux.run('ip', 'address', 'add', address, 'dev', device.name, ...(address.includes(':') ? ['nodad'] : []));
    }
    equal(ours.host.addRoute('default', { via: '198.51.100.1' }), 0);
    equal(ours.host.addRoute('default', { via: '2001:db8:2::1' }), 0);
    writeFileSync(join(folder, 'server.py'), SERVER);
    server = linux.start('python3', join(folder, 'server.py'));
    await server.says(/ready/);
    await ours.settled();
  });

  after(async () => {
    await server?.stop('SIGKILL');
    ours?.close();
    for (const namespace of [debian, linux, far]) namespace?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the same command on both sides at the same time, and compares. */
  async function compare(command: string, input = ''): Promise<void> {
    const [theirs, own] = await Promise.all([
      debian.runBeside(filledIn(command, THEIRS).split(' '), input),
      runProgram(ours.host, filledIn(command, OURS), input),
    ]);
    deepEqual(mapped(own, OURS), mapped(theirs, THEIRS), command);
  }

  test('ping: replies, errors of routers and neighbours, sizes, counts, wrong words', async () => {
    for (const command of [
      'ping -c 2 -i 0.2 NEAR4', 'ping -c 2 -i 0.2 NEAR6', 'ping -c 2 -i 0.2 FAR4', 'ping -n -c 2 -i 0.2 FAR6', 'ping -n -c 1 -s 8000 FAR4',
      'ping -n -c 1 -s 8000 FAR6', 'ping -c 2 -i 0.2 -s 8 NEAR4', 'ping -q -c 2 -i 0.2 NEAR4', 'ping -D -c 1 NEAR4', 'ping -c 1 -t 1 FAR4',
      'ping -c 1 -t 1 FAR6', 'ping -c 1 -t 7 FAR4', 'ping -c 1 -I OWN4 NEAR4', 'ping -c 1 -I OWN6 NEAR6', 'ping -c 1 -p ff00 NEAR4',
      'ping -c 3 -l 3 NEAR4', 'ping -c 1 -4 NEAR4', 'ping -6 NEAR4', 'ping -4 NEAR6', 'ping', 'ping -c 0 NEAR4', 'ping -c x NEAR4',
      'ping -t 0 NEAR4', 'ping -I wlan0 NEAR4', 'ping -I 198.18.0.1 -c 1 NEAR4', 'ping -w 1 -c 9 NEAR4', 'ping -c 1 -W 1 -O NOBODY4',
    ]) await compare(command);
  });

  test('ping: who is not there, and where no way leads', async () => {
    await Promise.all(['ping -c 1 -W 5 NOBODY4', 'ping -c 1 -W 5 NOBODY6', 'ping -c 1 -W 5 GONE4', 'ping -c 1 -W 5 GONE6', 'ping -n -c 1 NOWAY4', 'ping -n -c 1 NOWAY6'].map((command) => compare(command)));
  });

  test('traceroute: both families, datagrams and echoes, a way that ends, wrong words', async () => {
    // Without guesses from other probes' times: a busy machine would make them wrong.
    for (const command of [
      'traceroute -w 3,0,0 NEAR4', 'traceroute -w 3,0,0 -n FAR4', 'traceroute -w 3,0,0 -n FAR6',
      'traceroute -w 3,0,0 -I -n FAR4', 'traceroute -w 3,0,0 -I -n FAR6', 'traceroute -w 3,0,0 -N 1 -n -q 1 NOWAY4',
      'traceroute -w 3,0,0 -N 1 -n -q 1 NOWAY6', 'traceroute -w 3,0,0 -U -n FAR4', 'traceroute -w 3,0,0 -n -f 2 FAR4',
      'traceroute -w 3,0,0 -n -m 1 FAR4', 'traceroute -w 3,0,0 -n FAR4 200', 'traceroute -w 3,0,0 -N 1 -n FAR4',
      'traceroute -m 300 FAR4', 'traceroute -f 0 FAR4', 'traceroute -q 11 FAR4', 'traceroute -Z FAR4',
      'traceroute -n -q 1 -w 1 -m 2 NOBODY4',
    ]) await compare(command);
  });

  test('nc: connections, refusals, scans, datagrams, wrong words', async () => {
    for (const [command, input] of [
      ['nc -N NEAR4 9502', 'one\ntwo\n'], ['nc -Nv NEAR4 9502', 'one\n'], ['nc -Nvn NEAR6 9502', 'one\n'], ['nc -q 1 FAR4 9502', ''],
      ['nc -v NEAR4 81', ''], ['nc -zv NEAR4 9501-9503', ''], ['nc -zvn NEAR6 9502', ''], ['nc -u -w 1 NEAR4 9503', 'datagram'],
      ['nc -uzv -w 1 NEAR4 9503', ''], ['nc -uzv NEAR4 9504', ''], ['nc -w 1 -v NOBODY4 80', ''], ['nc NEAR4 httpnot', ''], ['nc -l', ''],
      ['nc NEAR4 99999', ''], ['nc -lz 9502', ''], ['nc -k NEAR4 9502', ''], ['nc -Nv -p 5000 NEAR4 9502', 'x\n'], ['nc -s OWN4 -N NEAR4 9502', 'x\n'],
      ['nc -C -N NEAR4 9502', 'x\n'],
    ] as const) await compare(command, input);
  });

  test('nc -l: a client of the kernel', async () => {
    const listener = new RunningProgram(ours.host, ['nc', '-lvn', '8000']);
    listener.type('welcome\n');
    const client = await linux.runBeside(['nc', '-w', '2', '-N', '198.51.100.2', '8000'], 'hello\n');
    listener.endInput();
    deepEqual([client.status, client.stdout], [0, 'welcome\n']);
    const { status, stdout, stderr } = await listener.ended;
    deepEqual([status, stdout], [0, 'hello\n']);
    match(stderr, /^Listening on 0\.0\.0\.0 8000\nConnection received on 198\.51\.100\.1 \d+\n$/);
  });

  test('telnet: a line and its answer, refusals', async () => {
    const typed = `(sleep 1; echo hello; sleep 1) | telnet ${THEIRS.NEAR4} 9502`;
    const running = new RunningProgram(ours.host, ['telnet', OURS.NEAR4 as string, '9502']);
    const theirs = debian.runBeside(['sh', '-c', typed]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    running.type('hello\n');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    running.endInput();
    deepEqual(mapped(await running.ended, OURS), mapped(await theirs, THEIRS));
    for (const command of ['telnet NEAR4 81', 'telnet NEAR6 81', 'telnet NEAR4 nosuch', 'telnet nosuch.invalid 23']) await compare(command);
  });

  test('tap --run: programs on the host, their streams and the last one\'s status', async () => {
    const one = await linux.runBeside(commandLine(
      'tap', '--name', 'ss-run', '--address', '198.51.101.2/24', '--host-address', '198.51.101.1/24', '--run', 'nc -N 198.51.101.1 9502',
    ), 'hello\n');
    deepEqual([one.status, one.stdout, one.stderr], [0, 'You wrote: hello\n', 'ready\n']);
    const two = await linux.runBeside(commandLine(
      'tap', '--name', 'ss-run', '--address', '198.51.101.2/24', '--host-address', '198.51.101.1/24',
      '--run', 'tcpdump -n -c 2 icmp', '--run', 'ping -c 1 -W 1 198.51.101.77',
    ));
    equal(two.status, 1);
    match(two.stdout, /^ping {4}\| 1 packets transmitted, 0 received/m);
    const tap = linux.start(...commandLine(
      'tap', '--name', 'ss-run', '--address', '198.51.101.2/24', '--host-address', '198.51.101.1/24', '--run', 'ping 198.51.101.1',
    ));
    await tap.says(/icmp_seq=2/);
    const ended = await tap.stop('SIGINT');
    equal(ended.status, 0);
    match(ended.stdout, /\n--- 198\.51\.101\.1 ping statistics ---\n\d packets transmitted, \d received, 0% packet loss/);
  });
});

describe('our programs through our router', { skip: NEEDS.skip, timeout: 120_000 }, () => {
  let linux: Namespace;
  let router: TapHost;
  let client: Host;
  let cable: Cable;

  before(async () => {
    linux = new Namespace();
    router = new TapHost();
    router.host.sysctl('net.ipv4.ip_forward', 1);
    router.host.sysctl('net.ipv6.conf.all.forwarding', 1);
    const device = await router.connect(linux, ['198.51.100.2/24', '2001:db8:2::2/64']);
    for (const address of ['198.51.100.1/24', '2001:db8:2::1/64']) {
      linux.run('ip', 'address', 'add', address, 'dev', device.name, ...(address.includes(':') ? ['nodad'] : []));
    }
    linux.run('ip', 'route', 'add', 'default', 'via', '198.51.100.2');
    linux.run('ip', 'route', 'add', 'default', 'via', '2001:db8:2::2');
    const { host } = router;
    const random = host.stack.context.random;
    client = router.beside('client');
    cable = new Cable(host.loop, random, { delayUs: 500 });
    for (const [on, end, mac, addresses] of [
      [client, cable.a, 1, ['192.0.2.1/24', '2001:db8:1::1/64']], [host, cable.b, 2, ['192.0.2.2/24', '2001:db8:1::2/64']],
    ] as const) {
      end.macHi = 0x0200;
      end.macLo = mac;
      on.attach(end);
      for (const text of addresses) {
        const { address, prefixLength } = parseCidr(text) as Cidr;
        equal(on.addAddress(end, address, prefixLength), 0);
      }
    }
    equal(client.addRoute('default', { via: '192.0.2.2' }), 0);
    equal(client.addRoute('default', { via: '2001:db8:1::2' }), 0);
    await router.settled();
    while (client.network.interfaces().some((entry) => entry.addresses.some((own) => own.tentative))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  after(() => {
    cable?.sever();
    router?.close();
    linux?.remove();
  });

  test('ping and traceroute of ours find the kernel behind our router, the kernel\'s find us', async () => {
    for (const [target, own, hop] of [['198.51.100.1', '192.0.2.1', '192.0.2.2'], ['2001:db8:2::1', '2001:db8:1::1', '2001:db8:1::2']] as const) {
      for (const size of [56, 8000]) {
        const { status, stdout } = await runProgram(client, `ping -n -c 2 -i 0.2 -s ${size} ${target}`);
        equal(status, 0, stdout);
        match(stdout, new RegExp(`^${size + 8} bytes from ${target}: icmp_seq=2 ttl=63 time=`, 'm'));
      }
      match((await runProgram(client, `ping -n -c 1 -t 1 ${target}`)).stdout, new RegExp(`^From ${hop} icmp_seq=1 Time (to live )?exceeded`, 'm'));
      for (const method of ['', '-I ']) {
        // Routers send so many errors a second and no more.
        await new Promise((resolve) => setTimeout(resolve, 4000));
        const { stdout } = await runProgram(client, `traceroute ${method}-n -q 1 -w 2 ${target}`);
        match(stdout, new RegExp(`\\n 1  ${hop}  \\d+\\.\\d{3} ms\\n 2  ${target}  \\d+\\.\\d{3} ms\\n$`), stdout);
      }
      await new Promise((resolve) => setTimeout(resolve, 4000));
      const theirs = await linux.runBeside(['traceroute', '-n', '-q', '1', '-w', '2', own]);
      match(theirs.stdout, new RegExp(`\\n 1  ${target.replace(/1$/, '2')}  \\d+\\.\\d{3} ms\\n 2  ${own}  \\d+\\.\\d{3} ms\\n$`), theirs.stdout);
    }
  });

  test('nc: 10 MB to the kernel through our router, the same bytes', async () => {
    const bytes = 10_000_000;
    const sink = linux.start('sh', '-c', 'nc -l 198.51.100.1 9000 | sha256sum');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const line = `${'0123456789abcdef'.repeat(64)}\n`;
    const text = line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
    const sender = new RunningProgram(client, ['nc', '-N', '198.51.100.1', '9000']);
    await sender.typeAll(text);
    equal((await sender.ended).status, 0);
    const { stdout } = await sink.ended();
    equal(stdout.split(' ')[0], createHash('sha256').update(text).digest('hex'));
  });
});
