/**
 * tap-tx, tap-rx: one stream between a host of ours on a TAP device and the kernel (a Python peer with 256 KiB calls),
 * against the same peer talking to another Python process over a veth pair, in turn. Gbit/s as the peer counts them.
 *
 * Everything happens in two network namespaces that the case makes and removes; needs root.
 *
 *   namespace A   Python peer -- veth -- namespace B   Python (the baseline)
 *                 Python peer -- tap  -- this program again, in A, as the host (`--tap-host`)
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { MSG_NOSIGNAL } from '../../../src/api/posix/constants.ts';
import { Process } from '../../../src/api/posix/process.ts';
import { IpAddress } from '../../../src/base/inet-address.ts';
import { Loop } from '../../../src/base/loop.ts';
import { Host } from '../../../src/host.ts';
import { NodeEnvironment } from '../../../src/platform/node/environment.ts';
import { TapDevice } from '../../../src/platform/node/tap.ts';
import { AF, SOCK } from '../../../src/socket/constants.ts';
import { sockaddrIn } from '../../../src/socket/sockaddr.ts';
import { type Figure, interleave, type Side } from '../rounds.ts';

const BLOCK = 65536;
const SEND_PORT = 19;
const DISCARD_PORT = 9;
const SECONDS = 1;

/** `recv` or `send` with 256 KiB calls for SECONDS, to ADDRESS PORT; prints bits per second. */
const PEER = `
import socket, sys, time
mode, address, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
s = socket.create_connection((address, port))
buf = bytearray(262144)
total = 0
start = time.monotonic()
while time.monotonic() - start < seconds:
    n = s.recv_into(buf) if mode == 'recv' else s.send(buf)
    if n == 0: sys.exit('the stream ended early')
    total += n
elapsed = time.monotonic() - start
s.close()
print(total * 8 / elapsed)
`;

/** The baseline's server: sends on port 19, discards on port 9, 256 KiB a call, one thread a connection. */
const SERVER = `
import socket, threading
def serve(port, work):
    l = socket.socket()
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(('0.0.0.0', port)); l.listen()
    def one(c):
        buf = bytearray(262144)
        try:
            while work(c, buf): pass
        except OSError: pass
        c.close()
    def loop():
        while True:
            c, _ = l.accept()
            threading.Thread(target=one, args=(c,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()
serve(19, lambda c, b: c.send(b))
serve(9, lambda c, b: c.recv_into(b))
print('ready', flush=True)
threading.Event().wait()
`;

/** Run as a process of its own inside the namespace: a host of ours on a TAP device, sending on 19, discarding on 9. */
export async function tapHost(): Promise<void> {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'tap', loop, random: environment.entropy });
  const device = await TapDevice.open({ name: 'sst0', loop, random: environment.entropy, offload: true });
  host.attach(device);
  execFileSync('ip', ['addr', 'add', '10.77.1.1/24', 'dev', 'sst0']);
  execFileSync('ip', ['link', 'set', 'sst0', 'up']);
  host.addAddress(device, IpAddress.from('10.77.1.2'), 24);
  const server = new Process(host, 'server');
  const serve = async (port: number, work: (fd: number) => Promise<number>): Promise<void> => {
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, sockaddrIn('0.0.0.0', port));
    await server.listen(listener, 8);
    void (async () => {
      for (;;) {
        const { fd } = await server.accept(listener);
        void (async () => {
          try {
            while ((await work(fd)) > 0);
          } catch {
            // The peer ends its second with a reset: that is the end of this stream.
          }
          await server.close(fd);
        })();
      }
    })();
  };
  const block = new Uint8Array(BLOCK);
  const into = new Uint8Array(4 * BLOCK);
  // The peer may have said that it ends before it resets: that is a broken pipe, whose signal would end the server.
  await serve(SEND_PORT, (fd) => server.send(fd, block, MSG_NOSIGNAL));
  await serve(DISCARD_PORT, (fd) => server.read(fd, into));
  process.stdout.write('ready\n');
  await once(process, 'SIGTERM');
  device.close();
  process.exit(0);
}

async function ready(child: ChildProcess): Promise<void> {
  const stdout = child.stdout;
  if (stdout === null) throw new Error('no output to wait for');
  let text = '';
  for await (const data of stdout) {
    text += String(data);
    // The whole line: leaving the loop closes the pipe, and an unbuffered Python writes the line's end by itself.
    if (text.includes('ready\n')) return;
  }
  throw new Error(`a server of the tap case ended before it was ready: ${text}`);
}

export async function tapCase(direction: 'tx' | 'rx', rounds: number): Promise<Figure> {
  const a = `ss-${process.pid}-a`;
  const b = `ss-${process.pid}-b`;
  const ip = (...args: string[]): void => {
    execFileSync('ip', args);
  };
  const children: ChildProcess[] = [];
  const inside = (namespace: string, command: string, args: string[]): ChildProcess => {
    const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  const peer = (address: string): Side => ({
    round: async () => {
      const args = ['-c', PEER, direction === 'tx' ? 'recv' : 'send', address, String(direction === 'tx' ? SEND_PORT : DISCARD_PORT), String(SECONDS)];
      return Number(execFileOutput(a, args)) / 1e9;
    },
    close: async () => {},
  });
  const execFileOutput = (namespace: string, args: string[]): string =>
    execFileSync('ip', ['netns', 'exec', namespace, 'python3', ...args], { encoding: 'utf8', timeout: 30_000 }).trim();
  try {
    ip('netns', 'add', a);
    ip('netns', 'add', b);
    ip('link', 'add', 'ssv0', 'netns', a, 'type', 'veth', 'peer', 'name', 'ssv1', 'netns', b);
    ip('-n', a, 'addr', 'add', '10.77.2.1/24', 'dev', 'ssv0');
    ip('-n', b, 'addr', 'add', '10.77.2.2/24', 'dev', 'ssv1');
    for (const [namespace, device] of [[a, 'lo'], [b, 'lo'], [a, 'ssv0'], [b, 'ssv1']] as const) ip('-n', namespace, 'link', 'set', device, 'up');
    const script = process.argv[1] as string;
    await ready(inside(a, process.execPath, ['--enable-source-maps', script, '--tap-host']));
    await ready(inside(b, 'python3', ['-c', SERVER]));
    return await interleave(peer('10.77.1.2'), peer('10.77.2.2'), rounds, 'Gbit/s');
  } finally {
    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null)));
    for (const namespace of [a, b]) {
      try {
        ip('netns', 'del', namespace);
      } catch {
        // It was never made.
      }
    }
  }
}
