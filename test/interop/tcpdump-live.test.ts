/**
 * tcpdump's own words over traffic of the kernel: two hosts and a router between them, each in a network namespace of
 * the test's own, send everything that item 5 of the printer's promise names, on both families; four captures (Ethernet,
 * cut short at 68 bytes, cooked versions 1 and 2) are printed by both and compared.
 */
import { equal, ok } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { FLAG_SETS, compareWords } from './tcpdump-compare.ts';

const A = `ss-${process.pid}-a`;
const R = `ss-${process.pid}-r`;
const B = `ss-${process.pid}-b`;

function run(command: string, input?: string): string {
  const result = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 30_000, ...(input ? { input } : {}) });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr || result.stdout || result.error}`);
  return result.stdout;
}

/** a -- r -- b. The far link is narrow, so that the router must say so; nothing hears ports that tcpdump decodes. */
function buildNetwork(): void {
  run(`
    set -e
    for ns in ${A} ${R} ${B}; do
      ip netns add $ns
      ip netns exec $ns ip link set lo up
      ip netns exec $ns sysctl -qw net.ipv4.ip_local_port_range="50000 60000" net.ipv4.tcp_fastopen=3
    done
    ip netns exec ${R} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip -n ${A} link add va type veth peer name ra netns ${R}
    ip -n ${B} link add vb type veth peer name rb netns ${R}
    ip netns exec ${A} sysctl -qw net.ipv4.icmp_ratelimit=0
    ip netns exec ${R} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
    ip -n ${R} link set rb mtu 1300
    for pair in ${A}/va/10.77.1.1/fd77:1::1 ${R}/ra/10.77.1.2/fd77:1::2 ${R}/rb/10.77.2.2/fd77:2::2 ${B}/vb/10.77.2.1/fd77:2::1; do
      IFS=/ read -r ns dev four six <<END
$pair
END
      ip -n $ns addr add $four/24 dev $dev
      ip -n $ns addr add $six/64 dev $dev
    done
    ip -n ${A} link set va up
  `);
}

/**
 * The links get their carrier only once the captures run: then come duplicate address detection and the first reports.
 * Namespace a's end is up before, since tcpdump refuses one that is not.
 */
function bringUp(): void {
  run(`
    set -e
    for pair in ${R}/ra ${R}/rb ${B}/vb; do ip -n \${pair%/*} link set \${pair#*/} up; done
    ip -n ${A} route add default via 10.77.1.2
    ip -n ${B} route add default via 10.77.2.2
    sleep 2
    ip -n ${A} -6 route add default via fd77:1::2
    ip -n ${B} -6 route add default via fd77:2::2
  `);
}

function removeNetwork(): void {
  for (const ns of [A, R, B]) spawnSync('ip', ['netns', 'del', ns]);
}

interface Capture {
  readonly what: string;
  readonly child: ChildProcess;
  readonly chunks: Buffer[];
  readonly ended: Promise<void>;
}

/** Starts tcpdump in namespace a and waits until it listens. */
async function startCapture(what: string, options: readonly string[]): Promise<Capture> {
  const child = spawn(
    'ip',
    ['netns', 'exec', A, 'tcpdump', '-Z', 'root', '-n', '-U', '--immediate-mode', '-B', '8192', '-w', '-', ...options],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  await new Promise<void>((done, fail) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on')) done();
    });
    child.on('close', () => fail(new Error(`tcpdump ${options.join(' ')} ended: ${said}`)));
  });
  return { what, child, chunks, ended };
}

async function stopCapture(capture: Capture): Promise<Uint8Array> {
  capture.child.kill('SIGINT');
  await capture.ended;
  const whole = Buffer.concat(capture.chunks);
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
}

/** Sockets of one host: a server thread and a client, over the address given; what a shell program cannot do. */
const TALK = `
import socket, struct, sys, threading, time
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
role, address = sys.argv[2], sys.argv[1]
def tcp():
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(5)
    return s
if role == 'serve':
    listener = tcp()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try: listener.setsockopt(socket.IPPROTO_TCP, 23, 5)
    except OSError: pass
    listener.bind((address, 9502)); listener.listen(5)
    listener.settimeout(20)
    datagrams = socket.socket(family, socket.SOCK_DGRAM); datagrams.bind((address, 9503))
    print('ready', flush=True)
    for turn in range(4):
        c, _ = listener.accept()
        c.settimeout(5)
        try:
            while True:
                data = c.recv(65536)
                if not data: break
                c.sendall(b'You wrote: ' + data[:2000])
        except OSError: pass
        c.close()
else:
    s = tcp(); s.connect((address, 9502))
    s.sendall(b'hello\\r\\n'); s.recv(100)
    s.send(b'!', socket.MSG_OOB); time.sleep(0.1)
    s.sendall(b'x' * 20000); time.sleep(0.3)
    s.close(); time.sleep(0.2)
    s = tcp(); s.connect((address, 9502)); s.sendall(b'abort'); time.sleep(0.1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
    for turn in range(2):
        s = tcp()
        try: s.sendto(b'early data', 0x20000000, (address, 9502))
        except OSError: time.sleep(0.2); s.sendall(b'no cookie yet')
        s.recv(100); s.close(); time.sleep(0.1)
    s = tcp()
    try: s.connect((address, 9999))
    except OSError: pass
    d = socket.socket(family, socket.SOCK_DGRAM)
    for size in (0, 1, 512, 8000):
        d.sendto(b'd' * size, (address, 9503))
    d.connect((address, 9998)); d.send(b'nobody there'); time.sleep(0.2)
    try: d.send(b'again')
    except OSError: pass
`;

async function talk(address: string, server: string): Promise<void> {
  const serving = spawn('ip', ['netns', 'exec', server, 'python3', '-c', TALK, address, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => serving.on('close', () => done()));
  await new Promise<void>((done, fail) => {
    serving.stdout.once('data', () => done());
    serving.once('close', () => fail(new Error(`no server on ${address}`)));
  });
  try {
    run(`ip netns exec ${A} python3 -c "$(cat)" ${address} ask`, TALK);
  } finally {
    serving.kill();
    await ended;
  }
}

/** Groups of both families, for IGMP and MLD; and a tagged frame, since not every kernel has VLAN devices. */
const JOIN = `
import socket, struct, time
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.1.2.3') + socket.inet_aton('10.77.1.1'))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, 'ff05::1:2:3') + struct.pack('i', socket.if_nametoindex('va')))
frame = 'ffffffffffff' '020000000005' '8100' '6005' '0806' '0001080006040001' '020000000005' '0a4d0501' '000000000000' '0a4d0502'
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(('va', 0)); raw.send(bytes.fromhex(frame))
time.sleep(0.5)
`;

async function makeTraffic(): Promise<void> {
  bringUp();
  const inA = `ip netns exec ${A}`;
  const pings = [
    'ping -n -c 2 -i 0.2 -W 1 10.77.1.2',
    'ping -n -c 2 -i 0.2 -W 1 fd77:1::2',
    'ping -n -c 1 -s 4000 -W 1 10.77.2.1',
    'ping -n -c 1 -s 4000 -W 1 fd77:2::1',
    // The router's errors: hop limit, no such host, no such network, too big.
    'ping -n -c 1 -t 1 -W 1 10.77.2.1',
    'ping -n -c 1 -t 1 -W 1 fd77:2::1',
    'ping -n -c 1 -M do -s 1400 -W 1 10.77.2.1',
    'ping -n -c 1 -M do -s 1400 -W 1 fd77:2::1',
    'ping -n -c 1 -W 4 10.77.2.99',
    'ping -n -c 1 -W 4 fd77:2::99',
    'ping -n -c 1 -W 1 10.99.0.1',
    'ping -n -c 1 -W 1 fd99::1',
    'ping -n -c 1 -R -W 1 10.77.1.2',
    'ping -n -c 1 -T tsonly -W 1 10.77.1.2',
    'ping -n -c 1 -b -W 1 10.77.1.255',
    'ping -n -c 1 -W 1 ff02::1%va',
    'ping -n -c 1 -W 1 127.0.0.1',
    'ping -n -c 1 -W 1 ::1',
  ];
  for (const ping of pings) spawnSync('/bin/sh', ['-c', `${inA} ${ping}`], { timeout: 10_000 });
  run(`${inA} python3 -c "$(cat)"`, JOIN);
  await talk('10.77.2.1', B);
  await talk('fd77:2::1', B);
  await talk('127.0.0.1', A);
  await talk('::1', A);
}

/** What must have been on the wire, or the comparison proves less than it says. */
const MUST_APPEAR: readonly (readonly [string, RegExp])[] = [
  ['ARP', /ARP, .*Request who-has 10\.77\.1\.2 tell 10\.77\.1\.1/],
  ['neighbour discovery', /ICMP6, neighbor advertisement, .*tgt is/],
  ['duplicate address detection', /:: > ff02::1:ff00:1: .*neighbor solicitation/],
  ['router solicitation', /router solicitation/],
  ['MLD 2', /multicast listener report v2/],
  ['IGMP 3', /igmp v3 report/],
  ['handshake, IPv4', /10\.77\.1\.1\.\d+ > 10\.77\.2\.1\.9502: Flags \[S\]/],
  ['handshake, IPv6', /fd77:1::1\.\d+ > fd77:2::1\.9502: Flags \[S\]/],
  ['refused, IPv4', /10\.77\.2\.1\.9999 > .*Flags \[R\.\]/],
  ['refused, IPv6', /fd77:2::1\.9999 > .*Flags \[R\.\]/],
  ['urgent data', /Flags \[P\.U\].* urg 1/],
  ['abort', /9502: Flags \[R\.?\]/],
  ['Fast Open', /tfo /],
  ['port unreachable, IPv4', /udp port 9998 unreachable/],
  ['port unreachable, IPv6', /unreachable port, fd77:2::1 udp port 9998/],
  ['fragments, IPv4', /offset 2960,/],
  ['fragments, IPv6', /frag \(0x[0-9a-f]{8}:\d{3,}\|/],
  ['time exceeded, IPv4', /ICMP time exceeded in-transit/],
  ['time exceeded, IPv6', /ICMP6, time exceeded in-transit/],
  ['need to fragment', /need to frag \(mtu 1300\)/],
  ['packet too big', /packet too big, mtu 1300/],
  ['host unreachable', /host 10\.77\.2\.99 unreachable/],
  ['address unreachable', /unreachable address fd77:2::99/],
  ['network unreachable', /net 10\.99\.0\.1 unreachable/],
  ['no route', /unreachable route fd99::1/],
  ['record route', /options \(NOP,RR/],
  ['timestamps', /options \(.*TS\{TSONLY/],
];

test(
  "tcpdump's words for what a Linux kernel sends",
  { ...needs('root', 'namespaces', 'tcpdump', 'ip', 'ping', 'python3'), timeout: 150_000 },
  async (t) => {
    removeNetwork();
    const captures: Capture[] = [];
    try {
      buildNetwork();
      captures.push(await startCapture('Ethernet', ['-i', 'va']));
      captures.push(await startCapture('Ethernet, 68 bytes', ['-i', 'va', '-s', '68']));
      captures.push(await startCapture('loopback', ['-i', 'lo']));
      captures.push(await startCapture('cooked', ['-i', 'any', '-y', 'LINUX_SLL']));
      captures.push(await startCapture('cooked 2', ['-i', 'any', '-y', 'LINUX_SLL2']));
      await makeTraffic();
      const names = new Map(
        (JSON.parse(run(`ip -n ${A} -j link`)) as { ifindex: number; ifname: string }[]).map((link) => [
          link.ifindex,
          link.ifname,
        ]),
      );
      const prefix = ['ip', 'netns', 'exec', A];
      const interfaceName = (index: number): string | null => names.get(index) ?? null;
      for (const capture of captures) {
        const file = await stopCapture(capture);
        let verbose = '';
        for (const flags of FLAG_SETS) {
          const text = compareWords(file, flags, { prefix, interfaceName, describe: () => capture.what });
          if (flags === '-nv') verbose = text;
        }
        t.diagnostic(`${capture.what}: ${file.length} bytes, ${verbose.split('\n').length} lines with -v`);
        if (capture.what === 'Ethernet') {
          // -v puts IPv4's addresses on a line of their own; joined, a pattern may span both.
          const joined = verbose.replaceAll('\n    ', ' ');
          const missing = MUST_APPEAR.filter(([, pattern]) => !pattern.test(joined)).map(([what]) => what);
          equal(missing.join(', '), '', 'missing from the capture');
          ok(/ethertype 802\.1Q \(0x8100\), length \d+: vlan 5, p 3, ethertype ARP/.test(compareWords(file, '-ne', { prefix })), 'VLAN 5');
        }
      }
    } finally {
      for (const capture of captures) capture.child.kill('SIGKILL');
      removeNetwork();
    }
  },
);
