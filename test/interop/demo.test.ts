/**
 * The main job: `sockscape demo`, alone with --once, and what it says when it is called wrongly.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'acorn';
import { readCapture } from '../../src/capture/capture-file.ts';
import { needs } from '../needs.ts';
import { commandLine, Running, root, run } from './command.ts';

const TIME = String.raw`\d\d:\d\d:\d\d\.\d{6}`;
/** The article's session, as tcpdump prints it. */
const SESSION = [
  String.raw`IP 192\.0\.2\.1\.(\d+) > 192\.0\.2\.2\.9502: Flags \[S\], seq \d+, win \d+, options \[mss 1460,.*\], length 0`,
  String.raw`IP 192\.0\.2\.2\.9502 > 192\.0\.2\.1\.\d+: Flags \[S\.\], seq \d+, ack \d+, win \d+, options \[mss 1460,.*\], length 0`,
  String.raw`IP 192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.9502: Flags \[\.\], ack 1, win \d+, options .*, length 0`,
  String.raw`IP 192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.9502: Flags \[P\.\], seq 1:8, ack 1, win \d+, options .*, length 7`,
  String.raw`IP 192\.0\.2\.2\.9502 > 192\.0\.2\.1\.\d+: Flags \[\.\], ack 8, win \d+, options .*, length 0`,
  String.raw`IP 192\.0\.2\.2\.9502 > 192\.0\.2\.1\.\d+: Flags \[P\.\], seq 1:19, ack 8, win \d+, options .*, length 18`,
  String.raw`IP 192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.9502: Flags \[\.\], ack 19, win \d+, options .*, length 0`,
  String.raw`IP 192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.9502: Flags \[F\.\], seq 8, ack 19, win \d+, options .*, length 0`,
  String.raw`(?:IP 192\.0\.2\.2\.9502 > 192\.0\.2\.1\.\d+: Flags \[\.\], ack 9, win \d+, options .*, length 0\n${TIME} )?` +
    String.raw`IP 192\.0\.2\.2\.9502 > 192\.0\.2\.1\.\d+: Flags \[F\.\], seq 19, ack 9, win \d+, options .*, length 0`,
  String.raw`IP 192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.9502: Flags \[\.\], ack 20, win \d+, options .*, length 0`,
];

function withoutArp(text: string): string {
  return text.split('\n').filter((line) => !/^\S+ ARP, /.test(line)).join('\n');
}

test('demo --once: the session in tcpdump\'s words, the same every time', () => {
  const first = run(commandLine('demo', '--once'));
  deepEqual([first.status, first.stderr], [0, '']);
  match(withoutArp(first.stdout), new RegExp(`^${SESSION.map((line) => `${TIME} ${line}`).join('\n')}\n$`));
  equal(run(commandLine('demo', 'wrote', '--once')).stdout, first.stdout);
});

test('npm start -- --once does the same', () => {
  const words = [process.execPath, join(root, 'scripts/run.cjs'), 'start', '--once'];
  const started = run(words);
  equal(started.status, 0, started.stderr);
  equal(started.stdout, run(commandLine('demo', '--once')).stdout);
});

test('demo --once -w: the capture holds what was printed, for our tcpdump and Debian\'s', needs('tcpdump'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-demo-'));
  try {
    const file = join(folder, 'demo.pcapng');
    const { stdout } = run(commandLine('demo', '--once', '-w', file));
    const packets = [...readCapture(new Uint8Array(readFileSync(file)))];
    ok(packets.length >= stdout.trim().split('\n').length);
    const filtered = run(['tcpdump', '-n', '-r', file, 'ip or arp']);
    equal(filtered.stdout, stdout);
    const ours = run(commandLine('tcpdump', '-n', '-r', file));
    equal(ours.stdout, run(['tcpdump', '-n', '-r', file]).stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('what cannot be is said in one sentence: exit status 2 for options, 1 for the machine', () => {
  for (const [args, status, sentence] of [
    [['demo', '--twice'], 2, /^sockscape demo: unknown option --twice; see sockscape demo --help$/],
    [['demo', '--port'], 2, /--port needs a value/],
    [['demo', '--port', '65536'], 2, /--port takes a number from 0 to 65535, not '65536'/],
    [['demo', '--port', '1', '--port', '2'], 2, /--port is given twice/],
    [['demo', '--once=yes'], 2, /--once takes no value/],
    [['demo', 'tictactoe'], 2, /there is no demo 'tictactoe', only 'wrote'/],
    [['demo', 'wrote', 'wrote'], 2, /one demo at a time/],
    [['demo', '--once', '-w', '/no/such/folder/x'], 1, /cannot write \/no\/such\/folder\/x/],
    [['dance'], 2, /^sockscape: unknown command 'dance'; see sockscape --help$/],
    [['--bogus'], 2, /^sockscape: unknown option '--bogus'; see sockscape --help$/],
    [['demo', '--once', '--run', 'ping server'], 2, /--once and --run do not go together/],
    [['demo', '--run', 'dance'], 2, /there is no program 'dance', only .*ping/],
    [['demo', '--run', 'moon: ping server'], 2, /there is no host 'moon', only client and server/],
    [['run', '--on', 'moon', 'ping', 'server'], 2, /there is no host 'moon', only client and server/],
    [['run'], 2, /the name of a program is missing/],
    [['tcpdump', '-r'], 2, /option requires an argument -- 'r'/],
    [['tcpdump', '-Z'], 2, /invalid option -- 'Z'/],
    [['tcpdump', '-r', 'x', '-i', 'eth0'], 2, /from a file \(-r\) or an interface \(-i\), not from both/],
    [['tcpdump', '-r', '/no/such/file'], 1, /cannot read \/no\/such\/file/],
    [['tcpdump', '-r', join(root, 'package.json')], 1, /package\.json: .*neither pcap nor pcapng/],
  ] as const) {
    const ended = run(commandLine(...args));
    equal(ended.status, status, `${args.join(' ')}: ${ended.stderr}`);
    match(ended.stderr.trimEnd(), sentence);
    equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
    equal(ended.stdout, '');
  }
});

test('a busy port: one sentence that offers --port, exit status 1', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const running = new Running(commandLine('demo', '--port', String(port)));
  const ended = await running.ended();
  server.close();
  equal(ended.status, 1);
  equal(ended.stderr, `sockscape demo: port ${port} of 127.0.0.1 is in use; choose another one with --port\n`);
  equal(ended.stdout, '');
});

test('a Node that is too old: one sentence, exit status 1', () => {
  for (const [version, status] of [['18.20.4', 1], ['20.18.3', 1], ['20.19.0', 0], ['24.1.0', 0]] as const) {
    const check = `require('./bin/node-version.cjs')('sockscape', '${version}')`;
    const ended = run(['sh', '-c', 'cd "$0" && exec "$1" -e "$2"', root, process.execPath, check]);
    equal(ended.status, status, version);
    if (status === 1) match(ended.stderr, /^sockscape: Node 20\.19 or newer is needed; this one is \S+\.\n$/);
  }
  // The launcher asks before anything else is loaded.
  match(readFileSync(join(root, 'bin/sockscape.cjs'), 'utf8'), /^#!.*\n'use strict';\n(\/\/.*\n)*require\('\.\/node-version\.cjs'\)\('sockscape'\);\n/);
});

test('npm start and the command under a Node that is too old: one sentence, exit status 1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-demo-'));
  try {
    // Nothing but the launchers: whatever else they would load, before the check or without one, is missing here.
    cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
    cpSync(join(root, 'scripts/run.cjs'), join(folder, 'scripts/run.cjs'));
    const pretend = join(folder, 'pretend.cjs');
    writeFileSync(pretend, "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });\n");
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };
    const [node, script, ...start] = scripts.start.split(' ') as [string, string, ...string[]];
    equal(node, 'node');
    for (const [file, ...args] of [[script, ...start], ['bin/sockscape.cjs', 'demo']] as [string, ...string[]][]) {
      deepEqual(run([process.execPath, '--require', pretend, join(folder, file), ...args, '--once']), {
        status: 1, stdout: '', stderr: 'sockscape: Node 20.19 or newer is needed; this one is 18.20.4.\n',
      });
      // Even a Node that knows only the old language can read it.
      parse(readFileSync(join(root, file), 'utf8'), { ecmaVersion: 5, allowHashBang: true });
    }
    parse(readFileSync(join(root, 'bin/node-version.cjs'), 'utf8'), { ecmaVersion: 5 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

interface RunningProcess {
  readonly id: number;
  readonly parent: number;
  /** setsid(2): the processes of one terminal have the same. */
  readonly session: number;
}

function processes(): RunningProcess[] {
  const found: RunningProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = readFileSync(`/proc/${name}/stat`, 'utf8');
      // Behind the program's name, which may hold anything: state, parent, group, session.
      const [, parent, , session] = line.slice(line.lastIndexOf(')') + 2).split(' ').map(Number);
      found.push({ id: Number(name), parent, session });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

const AT_TERMINAL = { ...needs('script', 'npm'), timeout: 90_000 };
test('npm start at a terminal, a client connected: Ctrl-C ends all of it at once', AT_TERMINAL, async () => {
  const running = new Running(['script', '-qefc', `exec npm --prefix '${root}' start -- --port 0`, '/dev/null']);
  const port = Number((await running.says(/telnet 127\.0\.0\.1 (\d+)/, 'stdout', 60))[1]);
  const session = processes().find(({ parent }) => parent === running.child.pid)?.session;
  const left = (): RunningProcess[] => processes().filter((one) => one.session === session);
  // npm, the demo and, where it does not give way, npm's shell.
  ok(left().length >= 2);

  const client = connect(port, '127.0.0.1');
  const outcome = new Promise<string>((resolve) => {
    client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    client.on('end', () => resolve('end'));
  });
  client.write('hello\r\n');
  equal(String((await once(client, 'data'))[0]), 'You wrote: hello\r\n');

  const pressedAt = performance.now();
  running.child.stdin?.write('\x03');
  const { status, stdout } = await running.ended();
  ok(performance.now() - pressedAt < 5000, `it took ${performance.now() - pressedAt} ms`);
  match(stdout, /\n\d+ packets shown; \d+ IPv6 neighbour packets? only captured\r?\n/);
  // The demo ends with 0. npm's shell waits for it and then dies of the signal, which is 130 to whoever started npm; a
  // shell that gives way to its last command (bash) hands on the 0.
  ok(status === 130 || status === 0, `status ${status}`);
  deepEqual(left(), []);
  equal(await outcome, 'ECONNRESET');
  const again = connect(port, '127.0.0.1');
  equal(((await once(again, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED');
});

test('help and version', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  deepEqual(run(commandLine('--version')), { status: 0, stdout: `sockscape ${version}\n`, stderr: '' });
  match(run(commandLine('--help')).stdout, /^sockscape: [\s\S]*demo {7}[\s\S]*examples:/);
  for (const command of ['demo', 'tap', 'tcpdump']) {
    const help = run(commandLine(command, '--help'));
    equal(help.status, 0);
    match(help.stdout, new RegExp(`^usage: sockscape ${command} [\\s\\S]*examples:\n  sockscape ${command}`));
    equal(run(commandLine('help', command)).stdout, help.stdout);
  }
  equal(run(commandLine()).status, 2);
});

test('tcpdump: -c, -w, letters behind one dash, standard input, a reader that has seen enough', needs('tcpdump'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-demo-'));
  try {
    const file = join(folder, 'demo.pcapng');
    run(commandLine('demo', '--once', '-w', file));
    equal(run(commandLine('tcpdump', '-nevXc3', '-r', file)).stdout, run(['tcpdump', '-nevXc3', '-r', file]).stdout);
    equal(run(commandLine('tcpdump', '-n', '-tttt', '-r', '-'), readFileSync(file)).stdout, run(['tcpdump', '-n', '-tttt', '-r', file]).stdout);
    const copy = join(folder, 'copy.pcapng');
    equal(run(commandLine('tcpdump', '-r', file, '-c', '4', '-w', copy)).status, 0);
    equal(run(['tcpdump', '-n', '-r', copy]).stdout, run(['tcpdump', '-n', '-c', '4', '-r', file]).stdout);
    const words = commandLine('tcpdump', '-n', '-r', file).map((word) => `'${word}'`).join(' ');
    equal(run(['sh', '-c', `${words} | head -n 1`]).stdout.trim().split('\n').length, 1);
    // A file that was cut off: what is there, then a sentence.
    const cut = join(folder, 'cut.pcapng');
    writeFileSync(cut, readFileSync(file).subarray(0, -20));
    const ended = run(commandLine('tcpdump', '-n', '-r', cut));
    equal(ended.status, 1);
    ok(ended.stdout.split('\n').length > 3);
    match(ended.stderr, /^sockscape tcpdump: .*cut\.pcapng: .*\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('colours only on a terminal, and not with NO_COLOR', needs('script'), async () => {
  const plain = new Running(commandLine('demo', '--port', '0'));
  await plain.says(/telnet 127/, 'stderr');
  await plain.stop();
  equal(plain.stderr.includes('\x1b['), false);
  const words = `exec ${commandLine('demo', '--port', '0').map((word) => `'${word}'`).join(' ')}`;
  for (const [environment, coloured] of [[{ TERM: 'xterm' }, true], [{ TERM: 'xterm', NO_COLOR: '1' }, false]] as const) {
    const running = new Running(['script', '-qefc', words, '/dev/null'], { ...process.env, ...environment });
    await running.says(/telnet 127/);
    running.child.stdin?.write('\x03');
    await running.ended();
    equal(running.stdout.includes('\x1b['), coloured, JSON.stringify(running.stdout));
  }
});
