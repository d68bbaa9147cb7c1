/**
 * Line 9: what ss, lsof and ipcs of ours print is what iproute2's, lsof and util-linux print after the same calls on Linux.
 * Compared are lines, sorted, blanks collapsed; ports, inodes, pids, cookies and pointers are mapped, times hidden.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Program } from '../../src/api/posix/program.ts';
import { Process } from '../../src/api/posix/process.ts';
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { compileAgent, LinuxHost } from '../../src/platform/node/oracle/linux-host.ts';
import { ipcrm } from '../../src/programs/ipcrm.ts';
import { ipcs } from '../../src/programs/ipcs.ts';
import { lsof } from '../../src/programs/lsof.ts';
import { ss } from '../../src/programs/ss.ts';
import { AF, IPPROTO, SO, SOCK, SOL, TCP } from '../../src/socket/constants.ts';
import { needs } from '../needs.ts';
import { Shut } from '../../src/transport/endpoint.ts';
import { in4, in6, portOf, un } from '../oracle/address.ts';
import { SHARED_SETTINGS } from '../oracle/linux-side.ts';
import { ints, text } from '../oracle/toolkit.ts';
import { root } from './command.ts';
import { VirtualHost } from './hosts.ts';

const PORT = 9502;
const LOWEST_AUTOMATIC = 32768;
const NAME = 'agent';
const MOST_DESCRIPTORS = 60;
const FIRST_PID = 2000;

/** A kernel with one process on it. */
interface Side {
  readonly calls: Syscalls;
  readonly pid: number;
  /** Lets everything come to rest. */
  settle(): Promise<void>;
  /** Runs a command beside the process; its standard output and status. */
  run(name: string, args: readonly string[]): Promise<{ stdout: string; status: number }>;
  close(): Promise<void>;
}

const PROGRAMS: Readonly<Record<string, Program>> = { ss, lsof, ipcs, ipcrm };

function ourSide(settings: ReadonlyMap<string, string>): Side {
  const own = new VirtualHost('ours');
  const { host } = own;
  for (const [name, value] of settings) host.sysctl(name, value);
  // The names that addresses have on this machine.
  host.writeFile('/etc/hosts', readFileSync('/etc/hosts', 'utf8'));
  // Numbers that are no others: pids begin at 2.
  for (let i = 0; i < FIRST_PID; i++) new Process(host, 'earlier').exit(0);
  const calls = new Process(host, NAME);
  return {
    calls, pid: calls.pid,
    settle: () => own.sleep(100_000),
    async run(name, args) {
      let stdout = '';
      const decoder = new TextDecoder();
      const process = new Process(host, name, { output: (bytes) => (stdout += decoder.decode(bytes)), errors: () => {} });
      const status = await (PROGRAMS[name] as Program)(process, args);
      process.exit(status);
      return { stdout, status };
    },
    close: () => own.end(),
  };
}

async function linuxSide(): Promise<{ side: Side; settings: Map<string, string> }> {
  const agent = compileAgent(join(root, 'test/oracle/agent.c'), join(root, 'build/oracle'));
  const host = await LinuxHost.open(agent, { 'net.ipv4.ip_local_port_range': '32768 60999' });
  const settings = new Map<string, string>();
  // Which congestion control is the usual one is the machine's choice; every socket here says its own.
  for (const name of SHARED_SETTINGS.filter((shared) => shared !== 'net.ipv4.tcp_congestion_control')) {
    const value = await host.readSetting(name);
    if (value !== null) settings.set(name, value);
  }
  const calls = await host.spawn(true);
  const side: Side = {
    calls, pid: calls.hostPid,
    settle: () => new Promise((resolve) => setTimeout(resolve, 100)),
    async run(name, args) {
      const { stdout, status } = spawnSync('nsenter', ['-t', String(calls.hostPid), '-n', '-i', name, ...args], {
        encoding: 'utf8', env: { ...process.env, COLUMNS: '400', LC_ALL: 'C', TZ: 'UTC' },
      });
      return { stdout, status: status ?? -1 };
    },
    close: () => host.close(),
  };
  return { side, settings };
}

async function tcpSocket(p: Syscalls, family: number): Promise<number> {
  const fd = await p.socket(family, SOCK.STREAM, 0);
  await p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
  return fd;
}

/** Sockets of every kind, in every state that stays. */
async function sockets(p: Syscalls): Promise<void> {
  const listener = await tcpSocket(p, AF.INET);
  await p.bind(listener, in4('127.0.0.1', PORT));
  await p.listen(listener, 5);
  const connect = async (): Promise<number> => {
    const client = await tcpSocket(p, AF.INET);
    await p.connect(client, in4('127.0.0.1', PORT));
    return client;
  };
  const first = await connect();
  const { fd: served } = await p.accept(listener);
  await p.send(first, text('nobody reads this'), 0);
  const keeping = await connect();
  await p.accept(listener);
  await p.setsockopt(keeping, SOL.SOCKET, SO.KEEPALIVE, ints(1));
  // FIN-WAIT-2 and CLOSE-WAIT.
  const shutting = await connect();
  await p.accept(listener);
  await p.shutdown(shutting, Shut.WR);
  // TIME-WAIT.
  const closing = await connect();
  const { fd: closed } = await p.accept(listener);
  await p.close(closing);
  await p.close(closed);
  // One that nobody accepts.
  await connect();
  await p.setsockopt(served, IPPROTO.TCP, TCP.NODELAY, ints(1));
  const six = await tcpSocket(p, AF.INET6);
  await p.bind(six, in6('::', PORT + 1));
  await p.listen(six, 7);
  const mapped = await tcpSocket(p, AF.INET6);
  await p.connect(mapped, in6('::ffff:127.0.0.1', PORT + 1));
  await p.accept(six);
  const only = await tcpSocket(p, AF.INET6);
  await p.setsockopt(only, SOL.IPV6, 26, ints(1));
  await p.bind(only, in6('::', PORT + 2));
  await p.listen(only, 1);
  // Datagrams.
  for (const [family, address] of [[AF.INET, in4('0.0.0.0', 5000)], [AF.INET6, in6('::1', 5000)], [AF.INET6, in6('::', 5001)]] as const) {
    const fd = await p.socket(family, SOCK.DGRAM, 0);
    await p.bind(fd, address);
  }
  const bound = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.setsockopt(bound, SOL.SOCKET, 25, text('lo\0'));
  await p.bind(bound, in4('127.0.0.1', 5002));
  const connected = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.connect(connected, in4('127.0.0.1', 5000));
  await p.socket(AF.INET, SOCK.RAW, 1);
  // AF_UNIX.
  const local = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(local, un('/tmp/ss.sock'));
  await p.listen(local, 3);
  for (let i = 0; i < 2; i++) {
    const client = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    await p.connect(client, un('/tmp/ss.sock'));
  }
  const { fd: accepted } = await p.accept(local);
  await p.send(accepted, text('waits'), 0);
  const [one] = await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.shutdown(one, Shut.WR);
  const abstract = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.bind(abstract, Uint8Array.of(AF.UNIX, 0, 0, 65, 0, 66));
  await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  // AF_PACKET, and what is no socket. It would see acknowledgements that are delayed.
  await p.poll([], 100);
  await p.socket(AF.PACKET, SOCK.DGRAM, 0x0300);
  await p.pipe();
  await p.dup(listener);
  await p.epoll_create1(0);
  // System V objects.
  const queue = await p.msgget(0x1234, 0o1000 | 0o640);
  await p.msgsnd(queue, 1, text('a message'), 0);
  const set = await p.semget(0x55, 3, 0o1000 | 0o600);
  await p.semctl(set, 1, 16, 5);
  await p.shmget(0, 5000, 0o1000 | 0o666);
}

/** Replaces what is each kernel's own: by descriptors where there are some. */
async function mapperOf({ calls, pid }: Side): Promise<(line: string) => string> {
  const inodes = new Map<string, string>();
  const ports = new Map<string, string>();
  for (let fd = 3; fd < MOST_DESCRIPTORS; fd++) {
    try {
      const { ino } = await calls.fstat(fd);
      if (!inodes.has(String(ino))) inodes.set(String(ino), `inode-of-${fd}`);
      const port = portOf(await calls.getsockname(fd));
      if (port >= LOWEST_AUTOMATIC && !ports.has(String(port))) ports.set(String(port), `port-of-${fd}`);
    } catch {
      // Closed, or no address with a port.
    }
  }
  return (line) => line.trim()
    .replace(/"agent[^"]*"/g, '"agent"').replace(/\bpid=\d+/g, (word) => (word === `pid=${pid}` ? 'pid=PID' : word))
    .replace(/\bsk:[0-9a-f]+/, 'sk:COOKIE').replace(/:(\d{5})\b/g, (whole, port: string) => `:${ports.get(port) ?? (Number(port) >= LOWEST_AUTOMATIC ? 'port' : port)}`)
    .replace(/\b\d+\b/g, (word) => inodes.get(word) ?? word)
    .replace(/timer:\((\w+),[^,]+,/, 'timer:($1,TIME,').replace(/ cgroup:\S+/, '')
    .replace(/ ino:\d+ dev:\d+\/\d+/, ' ino:INODE dev:DEVICE').replace(/0x[0-9a-f]{16}/, 'POINTER')
    .replace(/\s+/g, ' ');
}

const outputs = new Map<string, string>();
const COMMANDS: [name: string, words: string][] = [];

function wordsOf(words: string): string[] {
  return words.split(' ').filter((word) => word !== '');
}

let linux: Side;
let ours: Side;
let mapLinux: (line: string) => string;
let mapOurs: (line: string) => string;
const needed = needs('root', 'namespaces', 'ss', 'nsenter', 'lsof', 'ipcs', 'cc');

before(async () => {
  if (needed.skip) return;
  const { side, settings } = await linuxSide();
  linux = side;
  ours = ourSide(settings);
  await sockets(linux.calls);
  await linux.settle();
  mapLinux = await mapperOf(linux);
  await sockets(ours.calls);
  await ours.settle();
  mapOurs = await mapperOf(ours);
  // Time of ours goes on for ever when nobody stops it: everything is asked now, before anything expires.
  for (const [name, words] of COMMANDS) {
    const { stdout } = await ours.run(name, wordsOf(words));
    outputs.set(`${name} ${words}`, stdout);
  }
  await ours.close();
});

after(async () => {
  if (needed.skip) return;
  await linux?.close();
});

/** The lines of both, mapped; a line that goes on in the next is one. */
async function both(name: string, words: string, clean: (line: string) => string | null = (line) => line): Promise<[string[], string[]]> {
  const linesOf = (stdout: string, map: (line: string) => string): string[] => {
    const lines = stdout.replace(/\n\t/g, ' ').split('\n').map(map).map((line) => (line === '' ? null : clean(line)));
    return lines.filter((line): line is string => line !== null).sort();
  };
  const { stdout } = await linux.run(name, wordsOf(words));
  return [linesOf(outputs.get(`${name} ${words}`) as string, mapOurs), linesOf(stdout, mapLinux)];
}

/** The header's last two words run together where iproute2 has little room. */
function header(line: string): string {
  return /^(Netid|State|Recv-Q) /.test(line) ? line.replace(/\s/g, '') : line;
}

const SS_CASES = [
  '-tan', '-xan', '-uan', '-wan', '-tlnp', '-tane', '-tano', '-tn', '-ln -t', '-xl', '-x', '-xane', '-xanp', '-uanpe', '-un', '-4tan', '-6tan',
  '-tanH state established', '-tan exclude time-wait', '-tan state listening', '-tan sport = :9502', '-tan dport = :9502 or sport = :9503',
  '-tan src 127.0.0.1', '-tan ( sport = :9502 and not dport = :9502 )', '-tan dst 127.0.0.0/8:9502', '-tan sport > :9502', '-0an', '-f inet -tan',
  '-tl', '-u -a', '-tanO -e', '-tuan', '-a -tx -n', '-l -n -t -u -x', '-wa',
  '-uanm', '-xanm',
];

for (const words of SS_CASES) {
  COMMANDS.push(['ss', words]);
  test(`ss ${words} prints what iproute2 prints`, needed, async () => {
    const [own, theirs] = await both('ss', words, header);
    ok(theirs.length > 0, 'iproute2 prints something');
    deepEqual(own, theirs);
  });
}

/**
 * Of TCP's own state: round-trip times, and what follows from them, are each kernel's; rates and the memory that Linux keeps in
 * reserve are not measured here (docs/deviations.md).
 */
function withoutTimes(line: string): string {
  return header(line)
    .replace(/skmem:\(r\d+,/, 'skmem:(r,').replace(/,f\d+,/, ',f,')
    .replace(/ (rto|rtt|minrtt|lastsnd|lastrcv|lastack|busy):\S+/g, '').replace(/ (send|pacing_rate|delivery_rate) \S+bps/g, '')
    .replace(/ app_limited/, '');
}

for (const words of ['-tani', '-tanm', '-tenmio', '-tanmO', '-tenmioa']) {
  COMMANDS.push(['ss', words]);
  test(`ss ${words} prints what iproute2 prints, but times and rates`, needed, async () => {
    const [own, theirs] = await both('ss', words, withoutTimes);
    ok(theirs.length > 1, 'iproute2 prints something');
    deepEqual(own, theirs);
  });
}

/** Of all processes of the machine only the one that made the calls is compared; where programs lie is each system's own. */
function ofTheProcess(pid: () => number, map: (line: string) => string): (line: string) => string | null {
  return (line) => {
    const words = line.split(/\s+/);
    if (words[0] === 'COMMAND') return line.replace(/\s+/g, ' ');
    if (words[1] !== String(pid()) || ['cwd', 'rtd', 'txt', 'mem', '0u', '1u', '2u', '0r', '1w', '2w', '0w'].includes(words[3] ?? '')) return null;
    return map(line.replace(/^agent\S*/, NAME).replace(new RegExp(`\\b${pid()}\\b`), 'PID')).replace(/ sock 0,\d+ 0t0 (\S+) .*/, ' sock $1');
  };
}

const LSOF_CASES = ['-nP -i', '-U', '-nP -i tcp:9502', '-nP -i4TCP -sTCP:LISTEN', '-nP -i 6', '-nP -i udp@127.0.0.1', '-i', '-nP -R -i udp', '-nP -l -i udp', '-nP -i :5000-5002'];

for (const words of LSOF_CASES) {
  COMMANDS.push(['lsof', words]);
  test(`lsof ${words} prints what lsof prints`, needed, async () => {
    const { stdout } = await linux.run('lsof', wordsOf(words));
    const lines = (text: string, side: Side, map: (line: string) => string): string[] =>
      text.split('\n').map(ofTheProcess(() => side.pid, map)).filter((line): line is string => line !== null).sort();
    const theirs = lines(stdout, linux, mapLinux);
    ok(theirs.length > 1, 'lsof prints something');
    const parents = (line: string): string => line.replace(/ PID \d+ root/, ' PID PARENT root');
    deepEqual(lines(outputs.get(`lsof ${words}`) as string, ours, mapOurs).map(parents), theirs.map(parents));
  });
}

test('lsof -p lists every descriptor', needed, async () => {
  const { stdout } = await linux.run('lsof', ['-nP', '-p', String(linux.pid)]);
  const lines = (text: string, side: Side, map: (line: string) => string): string[] =>
    text.split('\n').map(ofTheProcess(() => side.pid, map)).filter((line): line is string => line !== null && / \d+[rwu] /.test(line))
      .map((line) => line.replace(/ (FIFO|a_inode) 0,\d+ /, ' $1 DEVICE '))
      // What the agent works with lies beyond the descriptors of the program.
      .filter((line) => Number(/ (\d+)[rwu] /.exec(line)?.[1]) < MOST_DESCRIPTORS && !/\bpipe\b.*\b\d{5,}\b|\b\d{5,} pipe/.test(line)).sort();
  deepEqual(lines(outputs.get('lsof -nP') as string, ours, mapOurs), lines(stdout, linux, mapLinux));
});
COMMANDS.push(['lsof', '-nP']);

// System V objects: in an ipc namespace of the agent's.

const IPC_CASES = ['', '-q', '-m', '-s', '-a', '-u', '-l', '-c', '-p', '-t', '-q -i 0', '-m -i 0', '-s -i 0'];

/** Dates, and what the memory of the machine does with segments. */
function withoutDates(line: string): string | null {
  if (/^pages (resident|swapped)/.test(line)) return null;
  return line.replace(/(\w{3} )?\w{3} [ \d]?\d \d\d:\d\d:\d\d( \d{4})?/g, 'DATE').replace(/\b(lspid|lrpid|cpid|lpid)=[1-9]\d*/g, '$1=PID').replace(/\s+/g, ' ').trim();
}

for (const words of IPC_CASES) {
  COMMANDS.push(['ipcs', words]);
  test(`ipcs ${words} prints what util-linux prints`, needed, async () => {
    const pids = (side: Side) => (line: string): string => line.replace(new RegExp(`\\b${side.pid}\\b`, 'g'), 'PID');
    const { stdout } = await linux.run('ipcs', wordsOf(words));
    const lines = (text: string, side: Side): string[] => text.split('\n').map((line) => withoutDates(pids(side)(line))).filter((line): line is string => line !== null);
    deepEqual(lines(outputs.get(`ipcs ${words}`) as string, ours), lines(stdout, linux));
  });
}
