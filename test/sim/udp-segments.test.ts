/**
 * UDP_SEGMENT on its way: a perfect cable passes what is sent as one, one without offload cuts at its door; a router passes
 * or cuts by the next cable's MTU; who does not ask for UDP_GRO gets datagrams everywhere.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { readControl } from '../../src/socket/control.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import type { WorldCableOptions } from '../../src/sim/world.ts';

const int = (n: number): Uint8Array => new Uint8Array(Int32Array.of(n).buffer);
const WAYS = [
  { name: 'IPv4', family: C.AF_INET, address: (port: number) => sockaddrIn('10.0.2.2', port), any: sockaddrIn('0.0.0.0', 7) },
  { name: 'IPv6', family: C.AF_INET6, address: (port: number) => sockaddrIn6('fd00:2::2', port), any: sockaddrIn6('::', 7) },
] as const;

/** Sends 2,500 bytes in pieces of 1,000 from a through r to b; the lengths that b received, and what UDP_GRO said. */
async function sent(way: (typeof WAYS)[number], first: WorldCableOptions, second: WorldCableOptions, gro: boolean): Promise<{
  lengths: number[]; sizes: number[]; frames: number[];
}> {
  const result = { lengths: [] as number[], sizes: [] as number[], frames: [] as number[] };
  await simulate({ seed: 1 }, async (world) => {
    const [a, r, b] = [world.host('a'), world.host('r'), world.host('b')];
    world.cable(a, r, { addressA: ['10.0.1.1/24', 'fd00:1::1/64'], addressB: ['10.0.1.2/24', 'fd00:1::2/64'], ...first });
    const last = world.cable(r, b, { addressA: ['10.0.2.1/24', 'fd00:2::1/64'], addressB: ['10.0.2.2/24', 'fd00:2::2/64'], ...second });
    r.sysctl('net.ipv4.ip_forward', 1);
    r.sysctl('net.ipv6.conf.all.forwarding', 1);
    for (const [prefix, via] of [['10.0.2.0/24', '10.0.1.2'], ['fd00:2::/64', 'fd00:1::2']] as const) equal(a.addRoute(prefix, { via }), 0);
    for (const [prefix, via] of [['10.0.1.0/24', '10.0.2.1'], ['fd00:1::/64', 'fd00:2::1']] as const) equal(b.addRoute(prefix, { via }), 0);
    const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
    const to = await server.socket(way.family, C.SOCK_DGRAM, 0);
    await server.bind(to, way.any);
    if (gro) await server.setsockopt(to, C.SOL_UDP, C.UDP_GRO, int(1));
    const from = await client.socket(way.family, C.SOCK_DGRAM, 0);
    await client.connect(from, way.address(7));
    // The neighbours are found first, and what a wire sees is counted from then on.
    await client.send(from, new Uint8Array(1), 0);
    await server.recv(to, new Uint8Array(1), 0);
    last.b.tap = { frame: (_device, p, outgoing) => void (outgoing || result.frames.push(p.length)) };
    await client.setsockopt(from, C.SOL_UDP, C.UDP_SEGMENT, int(1000));
    const bytes = Uint8Array.from({ length: 2500 }, (_, i) => (i * 31) & 0xff);
    equal(await client.send(from, bytes, 0), 2500);
    const got: number[] = [];
    while (got.length < 2500) {
      const buffer = new Uint8Array(9000);
      const { count, control } = await server.recvmsg(to, [buffer], 0, 28, 64);
      result.lengths.push(count);
      for (const { level, type, data } of readControl(control)) {
        if (level === C.SOL_UDP && type === C.UDP_GRO) result.sizes.push(new DataView(data.buffer, data.byteOffset).getInt32(0, true));
      }
      got.push(...buffer.subarray(0, count));
    }
    // Jitter may turn them round: then the bytes are the same in another order.
    const inOrder = (list: Iterable<number>): number[] => (first.jitterUs === undefined ? [...list] : [...list].sort((x, y) => x - y));
    deepEqual(inOrder(got), inOrder(bytes));
    await rejects(server.recv(to, new Uint8Array(1), C.MSG_DONTWAIT), { code: 'EAGAIN' });
  });
  return result;
}

for (const way of WAYS) {
  const frame = way.name === 'IPv4' ? 42 : 62;
  const pieces = [frame + 1000, frame + 1000, frame + 500];
  test(`${way.name}: perfect cables pass it whole, and UDP_GRO says how it was sent`, async () => {
    deepEqual(await sent(way, {}, {}, true), { lengths: [2500], sizes: [1000], frames: [frame + 2500] });
    deepEqual(await sent(way, {}, {}, false), { lengths: [1000, 1000, 500], sizes: [], frames: [frame + 2500] });
  });

  test(`${way.name}: a cable without offload cuts it at its door, the first as well as the second`, async () => {
    deepEqual(await sent(way, {}, { offload: false }, true), { lengths: [1000, 1000, 500], sizes: [], frames: pieces });
    deepEqual(await sent(way, { offload: false }, {}, true), { lengths: [1000, 1000, 500], sizes: [], frames: pieces });
  });

  test(`${way.name}: bad weather strikes datagrams, not what was sent as one`, async () => {
    deepEqual((await sent(way, { delayUs: 500, jitterUs: 400 }, {}, false)).lengths.sort((x, y) => x - y), [500, 1000, 1000]);
  });
}
