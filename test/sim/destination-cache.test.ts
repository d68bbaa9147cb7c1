/**
 * Route lookups of a flood leave established connections alone, and these go on to learn about their path.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

test('a connection keeps its way through 10,000 spoofed peers, and still takes notice of a smaller path MTU', () => simulate({ seed: 1 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  const cable = world.cable(a, b, { delayUs: 1000, offload: false });
  const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
  const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
  await server.bind(listener, sockaddrIn('0.0.0.0', 80));
  await server.listen(listener, 8);
  const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
  await client.connect(fd, sockaddrIn('10.0.1.2', 80));
  const { fd: peer } = await server.accept(listener);
  const { network } = b;
  network.addRoute(IpAddress.from('0.0.0.0'), 0, { gateway: IpAddress.from('10.0.1.1') });
  const endpoint = [...b.stack.tcp.connections].find((node) => node.remotePort !== 0) as unknown as { destination: unknown };
  await server.send(peer, new Uint8Array(5000), 0);
  const way = endpoint.destination;
  ok(way !== null);
  const { generation } = network;
  const local = IpAddress.from('10.0.1.2');
  for (let i = 0; i < 10_000; i++) network.lookup(IpAddress.fromV4(0x2d000000 + i * 7), local, null);
  equal(network.generation, generation);
  await server.send(peer, new Uint8Array(5000), 0);
  equal(endpoint.destination, way, 'no lookup was needed');

  let longest = 0;
  cable.b.tap = {
    frame(_device, p, outgoing) {
      if (outgoing) longest = Math.max(longest, p.gsoSize === 0 ? p.length : p.gsoSize + 66);
    },
  };
  await server.send(peer, new Uint8Array(5000), 0);
  await world.sleep(10_000);
  equal(longest, 1514);
  network.setPathMtu(IpAddress.from('10.0.1.1'), 1000);
  longest = 0;
  await server.send(peer, new Uint8Array(5000), 0);
  await world.sleep(10_000);
  equal(longest, 1014);
  equal(endpoint.destination, way);
}));
