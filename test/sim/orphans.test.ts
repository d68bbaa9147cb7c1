/**
 * tcp_max_orphans: connections that nobody has a descriptor of any more.
 */
import { equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Cable } from '../../src/link/cable.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import type { World } from '../../src/sim/world.ts';

interface Bed {
  world: World;
  cable: Cable;
  client: Process;
  server: Process;
  /** Connects: the client's descriptor and the server's. */
  connect(): Promise<[number, number]>;
}

function run(most: number, body: (bed: Bed) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    const cable = world.cable(a, b, { delayUs: 1000 });
    a.sysctl('net.ipv4.tcp_max_orphans', most);
    const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, sockaddrIn('0.0.0.0', 80));
    await server.listen(listener, 8);
    const connect = async (): Promise<[number, number]> => {
      const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
      await client.connect(fd, sockaddrIn('10.0.1.2', 80));
      return [fd, (await server.accept(listener)).fd];
    };
    await body({ world, cable, client, server, connect });
  });
}

test('tcp_close: the orphan that is one too many is reset behind its FIN', () => run(1, async ({ world, client, server, connect }) => {
  const [one, oneThere] = await connect();
  const [two, twoThere] = await connect();
  const { tcp } = client.host.stack;
  await client.close(one);
  equal(tcp.orphans, 1);
  equal(client.host.nstat()['TcpExtTCPAbortOnMemory'], undefined);
  await client.close(two);
  equal(tcp.orphans, 1);
  equal(client.host.nstat()['TcpExtTCPAbortOnMemory'], 1);
  equal(client.host.nstat()['TcpOutRsts'], 1);
  await world.sleep(10_000);
  equal(await server.recv(oneThere, new Uint8Array(1), 0), 0);
  await rejects(server.send(twoThere, new Uint8Array(1), Msg.NOSIGNAL), (error: Error & { code: string }) => ['EPIPE', 'ECONNRESET'].includes(error.code));
  // What is left is no orphan in TIME_WAIT.
  await server.close(oneThere);
  await world.sleep(10_000);
  equal(tcp.orphans, 0);
  equal(tcp.timeWaits.count, 1);
}));

test('tcp_out_of_resources: an orphan that retransmits looks again, and ends when there are too many now', () => run(2, async ({ world, cable, client, connect }) => {
  const { host } = client;
  const fds = [(await connect())[0], (await connect())[0]];
  cable.set({ loss: 1 });
  for (const fd of fds) {
    await client.send(fd, new Uint8Array(100), 0);
    await client.close(fd);
  }
  await world.sleep(5e6);
  equal(host.stack.tcp.orphans, 2, 'as many as there may be');
  host.sysctl('net.ipv4.tcp_max_orphans', 1);
  await world.sleep(20e6);
  equal(host.stack.tcp.orphans, 1);
  equal(host.nstat()['TcpExtTCPAbortOnMemory'], 1);
  await world.sleep(2000e6);
  equal(host.stack.tcp.orphans, 0);
  equal([...host.stack.tcp.endpoints()].length, 0);
}));
