/**
 * Line 9, the states that pass: two hosts, and what comes back from the second is lost from some moment on, so that the
 * first retransmits and neither gets any further. ss of ours against iproute2's on both hosts: states, queues, timers and their
 * counts; times are hidden.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { compileAgent, LinuxHost } from '../../src/platform/node/oracle/linux-host.ts';
import { ss } from '../../src/programs/ss.ts';
import { AF, IPPROTO, SO, SOCK, SOL, TCP } from '../../src/socket/constants.ts';
import { Shut } from '../../src/transport/endpoint.ts';
import { needs } from '../needs.ts';
import { in4, portOf } from '../oracle/address.ts';
import { SHARED_SETTINGS } from '../oracle/linux-side.ts';
import { ints, text } from '../oracle/toolkit.ts';
import { type Ended, root, run } from './command.ts';
import { interopWorld } from './hosts.ts';

const NEEDS = needs('root', 'namespaces', 'ip', 'ss', 'nsenter', 'cc', 'iptables');
const A = '10.1.0.1', B = '10.1.0.2';
const SERVED = 9502, REFUSING = 9503;
/** When everybody is looked at, after the loss has begun: far from any retransmission, which come at 0.2, 0.6, 1.4 and 3 s. */
const LOOK_MS = 2100;
/** Retransmissions are counted until then; on a machine that is too slow for that all begins anew. */
const COUNTED_MS = 2900;
const ATTEMPTS = 3;
const O_NONBLOCK = 0o4000;

interface Side {
  readonly a: Syscalls;
  readonly b: Syscalls;
  /** From now on nothing comes from the second to the first. */
  lose(): void;
  sleep(ms: number): Promise<void>;
  /** Each of the commands, one after the other. */
  ss(on: 'a' | 'b', commands: readonly string[]): Promise<Ended[]>;
}

async function socket(p: Syscalls): Promise<number> {
  const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
  await p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
  return fd;
}

/** Connections of every state; the names of the first host's ports. */
async function play({ a, b, lose, sleep }: Side): Promise<Map<number, string>> {
  const listener = await socket(b);
  await b.bind(listener, in4(B, SERVED));
  await b.listen(listener, 20);
  const refusing = await socket(b);
  await b.bind(refusing, in4(B, REFUSING));
  await b.listen(refusing, 1);
  const names = new Map<number, string>();
  const connect = async (name: string): Promise<{ near: number; far: number }> => {
    const near = await socket(a);
    await a.connect(near, in4(B, SERVED));
    names.set(portOf(await a.getsockname(near)), name);
    const { fd: far } = await b.accept(listener);
    return { near, far };
  };
  await connect('quiet');
  const keeping = await connect('keeping');
  await a.setsockopt(keeping.near, SOL.SOCKET, SO.KEEPALIVE, ints(1));
  const half = await connect('half');
  await a.shutdown(half.near, Shut.WR);
  const orphan = await connect('orphan');
  await a.close(orphan.near);
  const waiting = await connect('waiting');
  await a.send(waiting.near, text('left'), 0);
  await a.shutdown(waiting.near, Shut.WR);
  await sleep(20);
  await b.recv(waiting.far, new Uint8Array(10), 0);
  const over = await connect('over');
  await a.close(over.near);
  await sleep(20);
  await b.close(over.far);
  const last = await connect('last');
  await a.shutdown(last.near, Shut.WR);
  const lastUnread = await connect('last-unread');
  await a.send(lastUnread.near, text('four'), 0);
  await a.shutdown(lastUnread.near, Shut.WR);
  const data = await connect('data');
  const ending = await connect('ending');
  const endingWithData = await connect('ending-with-data');
  const both = await connect('both');
  const acknowledged = await connect('acknowledged');
  await sleep(300);
  lose();
  await a.send(data.near, text('again and again'), 0);
  await a.close(ending.near);
  await a.send(endingWithData.near, text('the last words'), 0);
  await a.shutdown(endingWithData.near, Shut.WR);
  // The second's FIN is lost, the first's arrives.
  await b.shutdown(both.far, Shut.WR);
  await sleep(20);
  await a.shutdown(both.near, Shut.WR);
  await b.close(last.far);
  await b.shutdown(lastUnread.far, Shut.WR);
  await b.send(acknowledged.far, text('never seen'), 0);
  const near = await socket(a);
  await a.fcntl(near, 4, O_NONBLOCK);
  await a.connect(near, in4(B, SERVED)).catch(() => {});
  names.set(portOf(await a.getsockname(near)), 'opening');
  await sleep(LOOK_MS);
  return names;
}

/** Those that tell how often something was sent again. */
const COUNTING = ['-tano', '-tanoe', '-tani', '-tanio', '-tin state fin-wait-1', '-tano state syn-sent'];
const COMMANDS = [
  ...COUNTING, '-tan', '-tn', '-tan state syn-recv', '-tan state fin-wait-1', '-tan state fin-wait-2',
  '-tan state close-wait', '-tan state last-ack', '-tan state closing', '-tan state time-wait', '-tan state bucket', '-tan state big',
  '-tan state synchronized', '-tan state connected', '-tan exclude established', '-tanm',
  '-tan not dport = :9502', '-tan ( dport = :9502 or sport = :9502 ) and not src 10.1.0.2', '-tan dst 10.0.0.0/8', '-tan dst 10.1.0.2:9502',
  '-tan sport = :9502', '-tan src 10.1.0.0/16 and dport != :9503', '-tanp state last-ack',
  // What is wrong, and what is odd.
  '-tan state foo', '-tan state', '-tan exclude', '-tan excl bar', '-tan state listen', '-tan state syn_recv', '-tan state established state foo',
  '-tan foo', '-tan 10.1.0.1', '-tan sport', '-tan src', '-tan sport =', '-tan ( sport = :9502', '-tan sport = :9502 )', '-tan ( )', '-tan not',
  '-tan and sport = :1', '-tan sport = :1 or', '-tan (sport = :9502)', '-tan !sport = :9502', '-tan sport=:9502', '-tan sport = :nosuchport',
  '-tan sport = 10.1.0.2:9502', '-tan src 10.1.0.2/33', '-tan src 300.1.1.1', '-tan src ::1', '-tan src [::1', '-tan src != 10.1.0.2', '-tan dst 10.0.0.0/x',
  '-tan src nobody-here:80', '-f foo', '-tan src sport',
  '-tanH state ESTABLISHED', '-tanH state closed', '-tanH state close', '-tanH state syn-rcv', '-tanH state unconnected', '-tanH state UNKNOWN', '-tanH state all',
  '-tanH sport = *', '-tanH sport != *', '-tanH src *', '-tanH src *:9502', '-tanH sport = 9502', '-tanH sport = :', '-tanH src [10.1.0.2]:9502', '-tanH src 10.1',
  '-tanH src 10.1/16', '-tanH sport >= :9503 && sport <= :9600', '-tanH sport = :9502 | sport = :9503', '-tanH sport neq :9502', '-tanH sport gt 9502',
  '-tanH not not sport = :9502', '-tanH ! sport = :9502', '-tanH sport = :0x251e', '-tanH sport = :70000', '-tanH src 10.0.0.0/8:*', '-tanH src inet:10.1.0.2',
  '-tanH sport = :9502 dport = :9502', '-tanH sport = :9503 or sport = :9502 and dport = :1', '-tanH sport < :9503', '-tanH dport lt 9503',
  '-tanH src 0.0.0.0/0', '-tanH src 10.1.0.2/31', '-tanH dst 10.1.0.1 and not ( sport != :9502 or state )',
];
type Answers = Map<string, string[]>;

/** Ports by name, times and cookies hidden; of TCP's own state the names of the fields and the counts of retransmissions. */
function cleaned(names: ReadonlyMap<number, string>, output: string): string[] {
  return output.replace(/\n\t/g, ' ').split('\n').filter((line) => line !== '').map((line) => line.trim().replace(/\s+/g, ' ')
    .replace(/:(\d{5})\b/g, (whole, port: string) => (names.has(Number(port)) ? `:${names.get(Number(port))}` : whole))
    .replace(/timer:\((\w+),[^,]+,(\d+)\)/, 'timer:($1,TIME,$2)').replace(/ino:\d+/, 'ino:INODE').replace(/sk:[0-9a-f]+/, 'sk:COOKIE').replace(/ cgroup:\S+/, '')
    .replace(/skmem:\(.*\)/, (memory) => memory.replace(/\d+/g, '')).replace(/users:\(\("\w+",pid=\d+,/, 'users:(("NAME",pid=PID,')
    .replace(/^(State|Recv-Q).*/, (header) => header.replace(/\s/g, '')).replace(/ (cubic .*)$/, fields)).sort();
}

/** Names alone, but for what counts retransmissions. */
function fields(all: string): string {
  return ` ${all.replace(/ (send|pacing_rate|delivery_rate) \S+/g, '').split(' ').filter((word) => !/^(busy|app_limited)\b/.test(word)).map((word) => {
    const [name = ''] = word.split(':');
    return ['retrans', 'backoff', 'unacked', 'lost'].includes(name) ? word : name;
  }).join(' ')}`;
}

async function asked(side: Side, names: ReadonlyMap<number, string>, commands: readonly string[], answers: Answers = new Map()): Promise<Answers> {
  for (const on of ['a', 'b'] as const) {
    for (const [i, { status, stdout, stderr }] of (await side.ss(on, commands)).entries()) {
      // Which options there are is another matter.
      answers.set(`${on}: ss ${commands[i]}`, [`status ${status}`, ...cleaned(names, stdout), stderr.replace(/^Usage:[\s\S]*/m, '')]);
    }
  }
  return answers;
}

async function linuxAnswers(): Promise<{ answers: Answers | null; settings: Map<string, string> }> {
  const agent = compileAgent(join(root, 'test/oracle/agent.c'), join(root, 'build/oracle'));
  const hosts = [await LinuxHost.open(agent, { 'net.ipv4.ip_local_port_range': '32768 60999' }), await LinuxHost.open(agent)] as const;
  try {
    const settings = new Map<string, string>();
    for (const name of SHARED_SETTINGS.filter((shared) => shared !== 'net.ipv4.tcp_congestion_control')) {
      const value = await hosts[0].readSetting(name);
      if (value !== null) settings.set(name, value);
    }
    const [a, b] = [await hosts[0].spawn(true), await hosts[1].spawn(true)];
    const inside = (which: { hostPid: number }, ...words: string[]): string[] => ['nsenter', '-t', String(which.hostPid), '-n', ...words];
    const done = (words: readonly string[]): void => {
      const ended = run(words);
      equal(ended.status, 0, ended.stderr);
    };
    done(inside(a, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(b.hostPid)));
    for (const [which, address] of [[a, A], [b, B]] as const) {
      done(inside(which, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'));
      done(inside(which, 'ip', 'link', 'set', 'dev', 'eth0', 'up'));
    }
    let lostAt = 0;
    const side: Side = {
      a, b,
      lose: () => {
        lostAt = performance.now();
        done(inside(a, 'iptables', '-A', 'INPUT', '-p', 'tcp', '-j', 'DROP'));
      },
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      async ss(on, commands) {
        // One shell for all of them: what is compared changes with time.
        const quoted = (words: string): string => words.split(' ').map((word) => `'${word}'`).join(' ');
        const script = commands.map((words) => `e=$(ss ${quoted(words)} 3>&1 >&4 2>&3); printf '\\001%d\\001%s\\002' $? "$e"`).join('\n');
        const { stdout, stderr, status } = spawnSync('nsenter', ['-t', String((on === 'a' ? a : b).hostPid), '-n', 'sh', '-c', `exec 4>&1\n${script}`], {
          encoding: 'utf8', env: { ...process.env, COLUMNS: '400', LC_ALL: 'C' },
        });
        equal(status, 0, stderr);
        return stdout.split('\x02').slice(0, -1).map((text) => {
          const [out = '', code = '', err = ''] = text.split('\x01');
          return { status: Number(code), stdout: out, stderr: err === '' ? '' : `${err}\n` };
        });
      },
    };
    const names = await play(side);
    const answers = await asked(side, names, COUNTING);
    if (performance.now() - lostAt > COUNTED_MS) return { answers: null, settings };
    return { answers: await asked(side, names, COMMANDS.slice(COUNTING.length), answers), settings };
  } finally {
    for (const host of hosts) await host.close();
  }
}

function ourAnswers(settings: ReadonlyMap<string, string>): Promise<Answers> {
  return interopWorld({ seed: 1 }, async (world) => {
    const hosts = [world.host('a'), world.host('b')] as const;
    const cable = world.cable(...hosts, { addressA: [`${A}/24`], addressB: [`${B}/24`], nameA: 'eth0', nameB: 'eth0', delayUs: 20 });
    for (const host of hosts) for (const [name, value] of settings) host.sysctl(name, value);
    const side: Side = {
      a: new Process(hosts[0], 'agent'), b: new Process(hosts[1], 'agent'),
      lose: () => cable.set({ bToA: { loss: 1 } }),
      sleep: (ms) => world.sleep(ms * 1000),
      async ss(on, commands) {
        const all: Ended[] = [];
        for (const words of commands) {
          let stdout = '', stderr = '';
          const decoder = new TextDecoder();
          const own = new Process(on === 'a' ? hosts[0] : hosts[1], 'ss', {
            output: (bytes) => (stdout += decoder.decode(bytes)), errors: (bytes) => (stderr += decoder.decode(bytes)),
          });
          const status = await ss(own, words.split(' '));
          own.exit(status);
          all.push({ status, stdout, stderr });
        }
        return all;
      },
    };
    return asked(side, await play(side), COMMANDS);
  });
}

let ours: Answers;
let linux: Answers;

before(async () => {
  if (NEEDS.skip) return;
  for (let i = 0; i < ATTEMPTS; i++) {
    const { answers, settings } = await linuxAnswers();
    if (answers === null) continue;
    linux = answers;
    ours = await ourAnswers(settings);
    return;
  }
  throw new Error(`this machine was too slow ${ATTEMPTS} times`);
});

for (const words of COMMANDS) {
  for (const on of ['a', 'b']) {
    const command = `${on}: ss ${words}`;
    test(`${command} prints what iproute2 prints`, NEEDS, () => deepEqual(ours.get(command), linux.get(command)));
  }
}

test('every state was there', NEEDS, () => {
  const all = [...(linux.get('a: ss -tan') ?? []), ...(linux.get('b: ss -tan') ?? [])].join('\n');
  for (const state of ['SYN-SENT', 'SYN-RECV', 'ESTAB', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSING', 'TIME-WAIT', 'LISTEN']) {
    ok(all.includes(state), `${state}:\n${all}`);
  }
});
