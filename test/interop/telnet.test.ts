/**
 * Real clients of the demo: Debian's telnet at a terminal, and programs that half-close and reset.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { readCapture } from '../../src/capture/capture-file.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import { needs } from '../needs.ts';
import { commandLine, Running, runBeside } from './command.ts';

/** Types into telnet at a pseudo-terminal, as a person does, and prints what the terminal shows. */
const TELNET = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp('telnet', ['telnet', '127.0.0.1', sys.argv[1]])
shown = b''
def until(text):
    global shown
    end = time.time() + 10
    while text not in shown:
        if not select.select([fd], [], [], max(0, end - time.time()))[0]:
            sys.exit('no %r in %r' % (text, shown))
        shown += os.read(fd, 4096)
until(b"Escape character is '^]'.")
time.sleep(0.2)
os.write(fd, b'hello\\r')
until(b'You wrote: hello')
os.write(fd, b'\\x1d')
until(b'telnet>')
os.write(fd, b'quit\\r')
until(b'Connection closed')
os.waitpid(pid, 0)
sys.stdout.write(shown.decode())
`;

/** Says many lines, half-closes, then reads all the answers. */
const HALF_CLOSE = `
import socket, sys, threading
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
lines = int(sys.argv[2])
answers = []
def read():
    while True:
        data = s.recv(65536)
        if not data: break
        answers.append(data)
reader = threading.Thread(target=read)
reader.start()
s.sendall(b''.join(b'line %d\\r\\n' % i for i in range(lines)))
s.shutdown(socket.SHUT_WR)
reader.join()
expected = b''.join(b'You wrote: line %d\\r\\n' % i for i in range(lines))
print('all' if b''.join(answers) == expected else 'not all', len(expected))
`;

/** Says hello, waits for the answer, and leaves with a reset. */
const RESET = `
import socket, struct, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.sendall(b'hello\\r\\n')
print(s.recv(100))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
`;

describe('real clients of the demo', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-telnet-'));
  const file = join(folder, 'demo.pcapng');
  let demo: Running;
  let port: string;

  before(() => commandLine());
  beforeEach(async () => {
    demo = new Running(commandLine('demo', '--port', '0', '-w', file));
    port = (await demo.says(/telnet 127\.0\.0\.1 (\d+)/, 'stderr'))[1] as string;
  });
  afterEach(async () => {
    await demo.stop('SIGKILL');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The TCP lines of the capture, without times and options. */
  function lines(): string[] {
    const printer = new TcpdumpPrinter({ time: 'none' });
    return [...readCapture(new Uint8Array(readFileSync(file)))]
      .map((packet) => printer.format(packet.interface.linkType, packet.timeUs, packet.bytes, packet.originalLength))
      .filter((line) => line.includes('Flags ['))
      .map((line) => line.replace(/^IP 192\.0\.2\.(\d)\.\d+ > .*?: /, (_all, host) => (host === '1' ? '> ' : '< ')).replace(/win \d+, |options \[.*?\], /g, ''));
  }

  test('telnet: hello and Enter puts hello\\r\\n on the wire, the answer appears', needs('python3', 'telnet'), async () => {
    const { status, stdout, stderr } = await runBeside(['python3', '-c', TELNET, port]);
    equal(status, 0, stderr);
    match(stdout, /hello\r\nYou wrote: hello\r\n/);
    await demo.says(/Flags \[F\.\][\s\S]*Flags \[F\.\][\s\S]*Flags \[\.\]/);
    const said = lines();
    ok(said.includes('> Flags [P.], seq 1:8, ack 1, length 7'), said.join('\n'));
    ok(said.includes('< Flags [P.], seq 1:19, ack 8, length 18'), said.join('\n'));
    const bytes = [...readCapture(new Uint8Array(readFileSync(file)))].map((packet) => Buffer.from(packet.bytes));
    equal(bytes.filter((frame) => frame.subarray(-7).equals(Buffer.from('hello\r\n')) && frame.length === 14 + 20 + 32 + 7).length, 1);
    equal(bytes.filter((frame) => frame.subarray(-18).equals(Buffer.from('You wrote: hello\r\n'))).length, 1);
    // The live lines are the same packets.
    equal(demo.stdout.split('\n').filter((line) => line.includes('Flags [')).length, said.length);
  });

  test('shutdown(SHUT_WR) arrives as FIN while the answer still flows', needs('python3'), async () => {
    const count = 30_000;
    const { status, stdout, stderr } = await runBeside(['python3', '-c', HALF_CLOSE, port, String(count)]);
    equal(status, 0, stderr);
    match(stdout, /^all \d+\n$/);
    const said = lines();
    const fin = said.findIndex((line) => line.startsWith('> ') && /Flags \[F|Flags \[FP/.test(line));
    const lastAnswer = said.map((line) => line.startsWith('< ') && !line.endsWith('length 0')).lastIndexOf(true);
    ok(fin > 0 && lastAnswer > fin, `FIN is line ${fin}, the last answer ${lastAnswer} of ${said.length}`);
    equal(said.some((line) => line.includes('Flags [R')), false);
  });

  test('SO_LINGER 0 arrives as RST, and the server goes on', needs('python3'), async () => {
    const { stdout } = await runBeside(['python3', '-c', RESET, port]);
    equal(stdout, "b'You wrote: hello\\r\\n'\n");
    await demo.says(/Flags \[R/);
    const said = lines();
    ok(said.some((line) => /^> Flags \[R\.?\]/.test(line)), said.join('\n'));
    equal(said.some((line) => /Flags \[F/.test(line)), false, said.join('\n'));
    match((await runBeside(['python3', '-c', HALF_CLOSE, port, '1'])).stdout, /^all/);
  });

  test('Ctrl-C ends it at once: exit status 0, the port is free, open connections are reset', async () => {
    const socket = connect(Number(port), '127.0.0.1');
    const outcome = new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      socket.on('end', () => resolve('end'));
    });
    socket.write('hello\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    const { status, stderr } = await demo.stop('SIGINT');
    const shown = /\n(\d+) packets shown; \d+ IPv6 neighbour packets? only captured\n$/.exec(stderr)?.[1];
    deepEqual([status, Number(shown)], [0, demo.stdout.trimEnd().split('\n').length], stderr);
    equal(await outcome, 'ECONNRESET');
    await new Promise<void>((resolve, reject) => {
      const server = createServer().on('error', reject);
      server.listen(Number(port), '127.0.0.1', () => server.close(() => resolve()));
    });
  });
});
