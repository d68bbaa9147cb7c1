/**
 * The article's last page: `tcpdump -i any tcp port 9502` beside `telnet 127.0.0.1 9502`, ours on a host of a world and
 * Debian's in a namespace, print the same lines; so does the command. Times, ports, sequence numbers and time stamps are
 * mapped, everything else is equal: names, interface, direction, flags, windows, options, lengths.
 */
import { equal, match } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { wrote } from '../../src/programs/wrote.ts';
import { needs } from '../needs.ts';
import { seed } from '../results.ts';
import { RunningProgram } from '../sim/program-runner.ts';
import { commandLine, Running } from './command.ts';
import { interopWorld } from './hosts.ts';
import { Namespace } from './namespace.ts';

const SERVER = `
import socket
s = socket.create_server(('127.0.0.1', 9502))
print('ready', flush=True)
c, _ = s.accept()
while True:
    line = c.recv(1000)
    if not line: break
    c.sendall(b'You wrote: ' + line)
c.close()
`;

/** The lines without what chance and the clock decide. */
function mapped(text: string): string {
  const ports = new Map<string, string>();
  return text
    .replace(/^\d\d:\d\d:\d\d\.\d{6} /gm, '')
    .replace(/localhost\.(\d+)/g, (_, port: string) => {
      if (port !== '9502' && !ports.has(port)) ports.set(port, `port${ports.size}`);
      return `localhost.${ports.get(port) ?? port}`;
    })
    .replace(/TS val \d+ ecr (\d+)/g, (_, echo: string) => `TS val N ecr ${echo === '0' ? '0' : 'N'}`)
    .replace(/(seq|ack) \d{5,}/g, '$1 N');
}

/** Debian's lines, what stands on standard error too. */
async function debian(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-article-'));
  const namespace = new Namespace();
  try {
    writeFileSync(join(folder, 'server.py'), SERVER);
    const server = namespace.start('python3', join(folder, 'server.py'));
    await server.says(/ready/);
    const dump = namespace.start('tcpdump', '-l', '-i', 'any', 'tcp', 'port', '9502');
    await dump.says(/listening on/, 'stderr');
    const session = '(sleep 0.5; echo hello; sleep 0.5) | telnet 127.0.0.1 9502';
    equal((await namespace.runBeside(['sh', '-c', session])).status, 0);
    // Another port shall not appear on either side.
    await namespace.runBeside(['telnet', '127.0.0.1', '9503']);
    await dump.says(/ack 20,/);
    const { stdout, stderr } = await dump.stop('SIGINT');
    return mapped(stdout) + stderr;
  } finally {
    namespace.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ours. */
function world(): Promise<string> {
  return interopWorld({ seed }, async (world) => {
    const host = world.host('host');
    const server = new Process(host, 'wrote');
    await new Promise<void>((resolve, reject) => void wrote(server, [], resolve).then(() => {}, reject));
    const dump = new RunningProgram(host, ['tcpdump', '-i', 'any', 'tcp', 'port', '9502']);
    await world.sleep(100_000);
    const telnet = new RunningProgram(host, ['telnet', '127.0.0.1', '9502']);
    await world.sleep(500_000);
    telnet.type('hello\n');
    await world.sleep(500_000);
    telnet.endInput();
    await telnet.ended;
    const other = new RunningProgram(host, ['telnet', '127.0.0.1', '9503']);
    await other.ended;
    await world.sleep(100_000);
    await dump.interrupt();
    const { stdout, stderr } = await dump.ended;
    server.exit();
    return mapped(stdout) + stderr;
  });
}

test("the article's session: our tcpdump and telnet print what Debian's do", needs('root', 'namespaces', 'ip', 'python3', 'tcpdump', 'telnet'), async () => {
  equal(await world(), await debian());
});

test('sockscape demo --run: the article in two words', async () => {
  const demo = new Running(commandLine('demo', '--run', 'server: tcpdump -i any tcp port 9502', '--run', 'server: telnet 127.0.0.1 9502'));
  await demo.says(/^telnet {2}\| Escape character is/m);
  demo.child.stdin?.write('hello\n');
  await demo.says(/^telnet {2}\| You wrote: hello$/m);
  demo.child.stdin?.end();
  const { status, stdout, stderr } = await demo.ended();
  equal(status, 0, stderr);
  match(stdout, /^tcpdump \| \S+ lo {4}In {2}IP localhost\.\d+ > localhost\.9502: Flags \[P\.\], seq 1:8, ack 1, win \d+, options .*, length 7$/m);
  match(stdout, /^tcpdump \| \S+ lo {4}In {2}IP localhost\.9502 > localhost\.\d+: Flags \[P\.\], seq 1:19, ack 8, win \d+, options .*, length 18$/m);
  match(stderr, /^tcpdump \| \d+ packets captured$/m);
});
