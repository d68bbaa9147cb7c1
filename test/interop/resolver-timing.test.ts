/** When silent name servers are asked, and when a lookup gives up: the machine's C library and our resolver. */
import { deepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AF_INET } from '../../src/api/posix/constants.ts';
import { getaddrinfo } from '../../src/api/posix/getaddrinfo.ts';
import { needs } from '../needs.ts';
import { scripted, withServers } from '../sim/resolver-world.ts';
import { runBeside } from './command.ts';

/** Three silent servers, and a lookup that meets them; prints who was asked when, and when the lookup ended. */
const LINUX = `
import socket, threading, time
asked = []
def listen(i):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.%d' % (i + 1), 53))
    def swallow():
        while True:
            s.recvfrom(4096)
            asked.append('%d:%.0f' % (i, time.monotonic() - began))
    threading.Thread(target=swallow, daemon=True).start()
for i in range(3):
    listen(i)
began = time.monotonic()
try:
    socket.getaddrinfo('name.example', None, socket.AF_INET)
except socket.gaierror as error:
    print(*asked, 'ended:%.0f' % (time.monotonic() - began))
`;

async function linuxTimes(count: number, options: string): Promise<string> {
  const conf = [...Array(count).keys()].map((i) => `nameserver 127.0.0.${i + 1}`).concat(options).join('\\n');
  const script = [
    'mount -t tmpfs none /etc', 'hostname client', 'ip link set lo up', `printf '${conf}\\n' > /etc/resolv.conf`,
    'echo "hosts: files dns" > /etc/nsswitch.conf',
    'exec "$@"',
  ].join(' && ');
  const python = (await runBeside(['python3', '-c', 'import sys; print(sys.executable)'])).stdout.trim();
  const ended = await runBeside(['unshare', '--mount', '--net', '--uts', 'sh', '-c', script, 'sh', python, '-c', LINUX]);
  ok(ended.status === 0, ended.stderr);
  return ended.stdout.trim();
}

async function ourTimes(count: number, options: string): Promise<string> {
  const words: string[] = [];
  await withServers(count, options, async ({ world, process, servers }) => {
    const began = world.now;
    const seconds = (): string => Math.round((world.now - began) / 1e6).toFixed(0);
    for (const [i, server] of servers.entries()) await scripted(server, () => void words.push(`${i}:${seconds()}`));
    await getaddrinfo(process, 'name.example', null, { family: AF_INET }).catch(() => words.push(`ended:${seconds()}`));
  });
  return words.join(' ');
}

describe('silent name servers', { ...needs('root', 'namespaces', 'ip', 'python3'), timeout: 120_000, concurrency: true }, () => {
  for (const [count, options] of [
    [3, 'options timeout:3'], [2, 'options timeout:2 attempts:3'], [3, 'options timeout:1'], [1, 'options timeout:0'],
  ] as const) {
    test(`${count} of them, ${options}`, async () => deepEqual(await ourTimes(count, options), await linuxTimes(count, options)));
  }
});
