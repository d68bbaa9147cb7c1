/**
 * The commands behind telnet's escape character: Debian's telnet at a pseudo-terminal and ours on a host of a world are told
 * the same, say the same, and send the same bytes.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, SO_OOBINLINE, SOCK_STREAM, SOL_SOCKET } from '../../src/api/posix/constants.ts';
import { int32 } from '../../src/api/posix/option-values.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn } from '../../src/api/posix/sockaddr.ts';
import { needs } from '../needs.ts';
import { seed } from '../results.ts';
import { RunningProgram } from '../sim/program-runner.ts';
import { runBeside } from './command.ts';
import { interopWorld } from './hosts.ts';

/** Types the commands, each behind an escape character unless a prompt is there; prints what telnet said and the server got. */
const DRIVER = `
import json, os, pty, select, socket, sys, threading, time
server = socket.create_server(('127.0.0.1', 0))
port = str(server.getsockname()[1])
got = b''
def serve():
    global got
    while True:
        c, _ = server.accept()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        while True:
            data = c.recv(4096)
            if not data: break
            got += data
threading.Thread(target=serve, daemon=True).start()
words = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0: os.execvp('telnet', ['telnet'] + (['127.0.0.1', port] if words[0] == 'connected' else []))
def said(pause=0.25):
    out = b''
    while select.select([fd], [], [], pause)[0]:
        try: out += os.read(fd, 65536)
        except OSError: break
    return out.decode().replace('\\r', '')
steps = []
last = said(0.6)
steps.append([last, ''])
for word in words[1:]:
    got = b''
    word = word.replace('PORT', port)
    try:
        if not last.endswith('telnet> '):
            os.write(fd, b'\\x1d'); said()
        os.write(fd, word.encode() + b'\\r')
    except OSError: break
    last = said()
    # The terminal shows what is typed.
    assert last == '' or last.startswith(word + '\\n'), last
    steps.append([last[len(word) + 1:], got.hex()])
print(json.dumps([[text.replace(port, 'PORT'), bytes] for text, bytes in steps]))
`;

type Step = readonly [said: string, got: string];

async function debian(words: readonly string[]): Promise<Step[]> {
  const { status, stdout, stderr } = await runBeside(['python3', '-c', DRIVER, JSON.stringify(words)]);
  ok(status === 0, stderr);
  return JSON.parse(stdout) as Step[];
}

function world([start, ...commands]: readonly string[]): Promise<Step[]> {
  return interopWorld({ seed }, async (world) => {
    const host = world.host('host');
    const server = new Process(host, 'server');
    const listener = await server.socket(AF_INET, SOCK_STREAM, 0);
    await server.bind(listener, sockaddrIn('127.0.0.1', 4321));
    await server.listen(listener, 5);
    let got: number[] = [];
    void (async () => {
      const buffer = new Uint8Array(4096);
      for (;;) {
        const { fd } = await server.accept(listener);
        await server.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, int32(1));
        for (let n = await server.read(fd, buffer); n > 0; n = await server.read(fd, buffer)) got.push(...buffer.subarray(0, n));
      }
    })().catch(() => {});
    const telnet = new RunningProgram(host, ['telnet', ...(start === 'connected' ? ['127.0.0.1', '4321'] : [])]);
    let isOver = false;
    void telnet.ended.then(() => void (isOver = true));
    let [seen, seenErrors] = [0, 0];
    const said = async (): Promise<string> => {
      await world.sleep(1_000_000);
      const text = telnet.stderr.slice(seenErrors) + telnet.stdout.slice(seen);
      [seen, seenErrors] = [telnet.stdout.length, telnet.stderr.length];
      return text.replaceAll('4321', 'PORT');
    };
    let last = await said();
    const steps: Step[] = [[last, '']];
    for (const word of commands) {
      if (isOver) break;
      got = [];
      if (!last.endsWith('telnet> ')) {
        telnet.type('\x1d\n');
        await said();
      }
      telnet.type(`${word.replace('PORT', '4321')}\n`);
      last = await said();
      steps.push([last, Buffer.from(got).toString('hex')]);
    }
    ok(isOver, 'telnet goes on');
    server.exit();
    return steps;
  });
}

/** Ours are heard on two channels: what is said on both at once has no order. */
const inOrder = (steps: readonly Step[]): Step[] =>
  steps.map(([said, got]) => [said.includes('Unable to connect') ? said.split('\n').sort().join('\n') : said, got]);

/** Commands that are not there have no line of help. */
const withoutOthers = (steps: readonly Step[]): Step[] =>
  steps.map(([said, got]) => [said.replace(/^(display|mode|set|unset|toggle|slc|auth|encrypt|z|!|environ) *\t.*\n/gm, ''), got]);

const SESSIONS: readonly (readonly string[])[] = [
  ['connected', '', 'status', 'st', '?', 'help', 'help send', '? close', 'help close status', 'help nosuch', 'help ?', 'nosuch', 's', 'STATUS', 'open x', 'quit'],
  [
    'connected', 'send', 'send ?', 'send nop ?', 'send ayt', 'send brk ip', 'send escape', 'send es ayt', 'send AYT', 'send nosuch', 'send a', 'send ayt nosuch',
    'send nop ga el ec ao abort eor susp eof', 'send synch', 'send getstatus', 'close now',
  ],
  ['connected', 'logout', 'q'],
  ['alone', 'status', 'send ayt', 'close', 'logout', '', 'help close', 'open 127.0.0.1 1', 'open 127.0.0.1 PORT', 'status', 'send ayt', 'close', 'status', 'quit'],
  ['alone', 'send getstatus', 'open 127.0.0.1 PORT', 'quit'],
];

test("telnet's commands: the words and the bytes of Debian's", { ...needs('python3', 'telnet'), timeout: 120_000 }, async () => {
  for (const session of SESSIONS) deepEqual(inOrder(await world(session)), inOrder(withoutOthers(await debian(session))), session.join(', '));
});
