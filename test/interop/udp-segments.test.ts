/** UDP_SEGMENT towards a real kernel over TAP, with offload and without: datagrams with good checksums arrive. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { needs } from '../needs.ts';
import { Namespace } from './namespace.ts';
import { TapHost } from './tap-host.ts';

const RECEIVER = `
import socket, sys
family, host = (socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET), sys.argv[1]
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind((host, 9502))
print('bound', flush=True)
for _ in range(4):
    data = s.recv(65535)
    print(len(data), sum(data) % 65536, flush=True)
`;

for (const offload of [true, false]) {
  test(`one send, four datagrams at a real kernel, ${offload ? 'with' : 'without'} offload`, { ...needs('root', 'namespaces', 'tap', 'ip', 'python3'), timeout: 60_000 }, async () => {
    const namespace = new Namespace();
    const ours = new TapHost();
    try {
      const device = await ours.connect(namespace, ['192.0.2.2/24', '2001:db8::2/64'], offload);
      namespace.run('ip', 'address', 'add', '192.0.2.1/24', 'dev', device.name);
      namespace.run('ip', 'address', 'add', '2001:db8::1/64', 'dev', device.name, 'nodad');
      await ours.settled();
      for (const [family, host, to] of [
        [C.AF_INET, '192.0.2.1', sockaddrIn('192.0.2.1', 9502)], [C.AF_INET6, '2001:db8::1', sockaddrIn6('2001:db8::1', 9502)],
      ] as const) {
        const receiver = namespace.start('python3', '-c', RECEIVER, host);
        await receiver.says(/^bound$/m);
        const process = new Process(ours.host, 'sender');
        const fd = await process.socket(family, C.SOCK_DGRAM, 0);
        await process.setsockopt(fd, C.SOL_UDP, C.UDP_SEGMENT, new Uint8Array(Int32Array.of(1200).buffer));
        const bytes = Uint8Array.from({ length: 4000 }, (_, i) => (i * 37 + 11) & 0xff);
        equal(await process.sendto(fd, bytes, 0, to), 4000);
        const parts = [[0, 1200], [1200, 2400], [2400, 3600], [3600, 4000]].map(([start, end]) => bytes.subarray(start, end));
        const lines = parts.map((part) => `${part.length} ${part.reduce((sum, byte) => sum + byte, 0) % 65536}\n`);
        equal((await receiver.ended()).stdout, `bound\n${lines.join('')}`);
        process.exit();
      }
      equal(namespace.counter('Udp InCsumErrors'), 0);
      equal(namespace.counter('Udp6InCsumErrors'), 0);
    } finally {
      ours.close();
      namespace.remove();
    }
  });
}
