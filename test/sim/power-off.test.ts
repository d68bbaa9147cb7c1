/**
 * The end of a machine: Host.powerOff, and World.end, which switches every host off.
 */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Host } from '../../src/host.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { packetStatistics } from '../../src/link/packet.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { Request } from '../../src/transport/tcp/request.ts';

const inUse = (): readonly number[] => [slabStatistics.chunksInUse, slabStatistics.rangesInUse, packetStatistics.packetsInUse];
const ignore = (): void => {};

/** A world's worth of things that hold memory: whatever a host can keep waiting waits when this is done. */
async function litter(world: World): Promise<{ server: Host; client: Host }> {
  const client = world.host('client');
  const server = world.host('server');
  const cable = world.cable(client, server, { delayUs: 1000 });
  const s = new Process(server, 's');
  const c = new Process(client, 'c');
  const to = (port: number): Uint8Array => sockaddrIn('10.0.1.2', port);
  const listener = await s.socket(AF.INET, SOCK.STREAM, 0);
  await s.bind(listener, to(80));
  await s.listen(listener, 8);
  const stream = async (): Promise<number> => {
    const fd = await c.socket(AF.INET, SOCK.STREAM, 0);
    await c.connect(fd, to(80));
    return fd;
  };

  // Unread stream data, on a socket that is read from in vain as well; a reset that came behind the data; a linger.
  const fd = await stream();
  const { fd: accepted } = await s.accept(listener);
  await c.send(fd, new Uint8Array(60_000), 0);
  c.recv(fd, new Uint8Array(9), 0).catch(ignore);
  s.recv(accepted, new Uint8Array(100_000), 0x100).catch(ignore);
  // The accept queue: with data, and with data and a reset. Somebody waits for others all the while.
  await c.send(await stream(), new Uint8Array(3000), 0);
  const reset = await stream();
  await c.send(reset, new Uint8Array(5000), 0);
  await c.setsockopt(reset, 1, 13, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  await world.sleep(10_000);
  await c.close(reset);
  const closing = await stream();
  await c.send(closing, new Uint8Array(200_000), 0x40).catch(ignore);
  await c.close(closing);
  // Unread datagrams, and one that is not complete yet.
  const udp = await s.socket(AF.INET, SOCK.DGRAM, 0);
  await s.bind(udp, sockaddrIn('0.0.0.0', 53));
  const sender = await c.socket(AF.INET, SOCK.DGRAM, 0);
  for (const length of [0, 10, 3000, 60_000]) await c.sendto(sender, new Uint8Array(length), 0, to(53));
  await s.sendto(await s.socket(AF.INET, SOCK.DGRAM, 0), new Uint8Array(100), 0x8000, to(53));
  s.feedInput(new Uint8Array(1000));
  await world.sleep(100_000);

  // From here on the way to the server is so bad that only the first of two frames gets there.
  cable.set({ bToA: { loss: 1 } });
  const halfOpen = await c.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
  await c.connect(halfOpen, to(80)).catch(ignore);
  await world.sleep(5000);
  const { tcp } = server.stack;
  equal([...tcp.connections].filter((node) => node instanceof Request).length, 1);
  equal([...tcp.endpoints()].find((t) => t.listener !== null)?.listener?.accepted, 3);
  const frames = { count: 0 };
  cable.b.tap = {
    frame(_device, _p, outgoing) {
      // Half a datagram: what comes behind its first fragment is lost.
      if (!outgoing && ++frames.count === 1) cable.set({ aToB: { loss: 1 } });
    },
  };
  cable.set({ rateBitsPerSecond: 1e6 });
  await c.sendto(sender, new Uint8Array(4000), 0, to(53));
  await world.sleep(100_000);
  equal(server.network.ipv4In.reassembly.size, 1);
  // Packets that wait for a neighbour nobody has heard of, and for the transmitter.
  await s.sendto(udp, new Uint8Array(500), 0, sockaddrIn('10.0.1.77', 1));
  await c.sendto(sender, new Uint8Array(500), 0, sockaddrIn('10.0.1.78', 1));
  ok([...server.network.neighbours()].some((neighbour) => neighbour.hasWaiting));
  for (let i = 0; i < 5; i++) await c.sendto(sender, new Uint8Array(1400), 0, to(53));
  return { server, client };
}

test('40 worlds that end with everything waiting leave no chunk, no range and no packet behind', async () => {
  const before = inUse();
  for (let seed = 0; seed < 40; seed++) {
    await simulate({ seed }, async (world) => {
      await litter(world);
      // Some end while nothing moves, some while frames, copies to this host and results are on their way.
      if (seed % 2 === 0) await world.sleep(100);
      ok(inUse().every((count, i) => count > (before[i] as number)));
    });
    deepEqual(inUse(), before, `seed ${seed}`);
  }
});

test('powerOff: no frame leaves, nothing is left, calls that wait get EINTR, and the others go on', () => simulate({ seed: 1 }, async (world) => {
  const { server, client } = await litter(world);
  const device = server.network.interfaces()[1]?.device;
  ok(device !== undefined);
  const sent = device.statistics.txPackets;
  const process = server.kernel.processes().find((one) => one.name === 's');
  ok(process !== undefined);
  const sleeper = new Process(server, 'sleeper');
  const sleeping = sleeper.sleep(1e6);
  server.powerOff();
  await rejects(sleeping, { code: 'EINTR' });
  equal(server.kernel.processes().length, 0);
  equal(server.stack.context.timers.queue.size, 0);
  deepEqual([...server.stack.tcp.connections], []);
  deepEqual([...server.stack.tcp.endpoints(), ...server.stack.udp.endpoints(), ...server.network.neighbours()], []);
  equal(server.network.ipv4In.reassembly.size, 0);
  throws(() => new Process(server, 'too late'), /host server is off/);
  await world.sleep(200e6);
  equal(device.statistics.txPackets, sent);
  ok((client.nstat()['TcpRetransSegs'] ?? 0) > 0, 'the peer knows nothing of it');
  const gone = world.leftovers().filter((line) => line.startsWith('server'));
  deepEqual(gone, []);
  server.powerOff();
}));

test('powerOff: the devices can be plugged into another host, which answers', () => simulate({ seed: 1 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  const cable = world.cable(a, b);
  b.powerOff();
  const next = new Host({ name: 'b again', loop: world.loop, random: new SeededRandom(2) });
  next.attach(cable.b);
  equal(next.addAddress(cable.b, IpAddress.from('10.0.1.2'), 24), 0);
  const process = new Process(next, 'server');
  const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.bind(fd, sockaddrIn('0.0.0.0', 7));
  const client = new Process(a, 'client');
  await client.sendto(await client.socket(AF.INET, SOCK.DGRAM, 0), Uint8Array.of(1), 0, sockaddrIn('10.0.1.2', 7));
  equal(await process.recv(fd, new Uint8Array(9), 0), 1);
  next.powerOff();
}));
