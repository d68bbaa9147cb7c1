/** A listener that asks before it answers (transport/tcp/syn-gate.ts): what its clients see of each answer, IPv4 and IPv6. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/api/posix/sockaddr.ts';
import type { Host } from '../../src/host.ts';
import { Resource } from '../../src/kernel/resource-limits.ts';
import { turn } from '../../src/platform/node/turn.ts';
import { simulate, type World } from '../../src/sim/world.ts';
import { type HeldSyn, SynGate } from '../../src/transport/tcp/syn-gate.ts';
import type { TcpEndpoint } from '../../src/transport/tcp/endpoint.ts';
import type { Listener } from '../../src/transport/tcp/listener.ts';

const DELAY_US = 10_000;

interface Stage {
  readonly world: World;
  readonly client: Process;
  readonly server: Host;
  readonly process: Process;
  readonly listener: number;
  readonly gate: SynGate;
  readonly asked: HeldSyn[];
  /** Connects, and tells how that ended and after how many milliseconds. */
  connect(isV4: boolean): Promise<[outcome: string, ms: number, fd: number]>;
}

function play(body: (stage: Stage) => Promise<void>): Promise<void> {
  return simulate({ seed: 'gate', turn }, async (world) => {
    const near = world.host('client');
    const server = world.host('server');
    world.cable(near, server, { delayUs: DELAY_US });
    const client = new Process(near, 'client');
    const process = new Process(server, 'server');
    const listener = await process.socket(AF_INET6, SOCK_STREAM, 0);
    await process.bind(listener, sockaddrIn6('::', 80));
    await process.listen(listener, 8);
    const asked: HeldSyn[] = [];
    const endpoint = [...server.stack.tcp.endpoints()][0] as TcpEndpoint;
    const gate = new SynGate(endpoint, (syn) => asked.push(syn));
    (endpoint.listener as Listener).gate = gate;
    const connect = async (isV4: boolean): Promise<[string, number, number]> => {
      const fd = await client.socket(isV4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
      const began = world.now;
      const outcome = await client.connect(fd, isV4 ? sockaddrIn('10.0.1.2', 80) : sockaddrIn6('fd00:1::2', 80)).then(() => 'connected', (error: NodeJS.ErrnoException) => String(error.code));
      return [outcome, Math.round((world.now - began) / 1000), fd];
    };
    await body({ world, client, server, process, listener, gate, asked, connect });
    client.exit();
    process.exit();
    gate.close(server.isDown);
    await world.sleep(200e6);
    // Nothing of a segment that waited is left.
    deepEqual(world.leftovers(), []);
  });
}

for (const isV4 of [true, false]) {
  const family = isV4 ? 'IPv4' : 'IPv6';
  const answered = async (answer: (syn: HeldSyn) => void): Promise<[outcome: string, ms: number]> => {
    const results: [string, number][] = [];
    await play(async ({ asked, connect, world }) => {
      const connecting = connect(isV4);
      await world.sleep(500_000);
      equal(asked.length, 1);
      answer(asked[0] as HeldSyn);
      const [outcome, ms] = await connecting;
      results.push([outcome, ms]);
    });
    return results[0] as [string, number];
  };

  test(`${family}: admitted after half a second, the client is connected then, and its SYN counts once`, async () => {
    await play(async ({ asked, client, connect, listener, process, server, world }) => {
      const connecting = connect(isV4);
      await world.sleep(500_000);
      equal(server.nstat()['TcpInSegs'], 1);
      (asked[0] as HeldSyn).admit();
      equal(server.nstat()['TcpInSegs'], 1);
      // A second answer changes nothing.
      (asked[0] as HeldSyn).refuse();
      const [outcome, ms, fd] = await connecting;
      equal(outcome, 'connected');
      equal(ms, 500 + DELAY_US / 1000);
      const { fd: accepted } = await process.accept(listener);
      await client.send(fd, new Uint8Array([1, 2, 3]), 0);
      equal(await process.recv(accepted, new Uint8Array(8), 0), 3);
      equal(asked.length, 1);
    });
  });

  test(`${family}: refused is ECONNREFUSED, no way EHOSTUNREACH, each at once`, async () => {
    const ms = 500 + DELAY_US / 1000;
    deepEqual(await answered((syn) => syn.refuse()), ['ECONNREFUSED', ms]);
    deepEqual(await answered((syn) => syn.unreachable()), ['EHOSTUNREACH', ms]);
  });

  test(`${family}: dropped, the client asks again with its next SYN; one that waits hears no second time`, async () => {
    await play(async ({ asked, connect, server, world }) => {
      const connecting = connect(isV4);
      // SYNs go at 0, 1, 3 and 7 s.
      await world.sleep(2e6);
      equal(asked.length, 1);
      equal(server.nstat()['TcpInDiscards'], 1);
      (asked[0] as HeldSyn).drop();
      await world.sleep(2e6);
      equal(asked.length, 2);
      (asked[1] as HeldSyn).admit();
      equal((await connecting)[0], 'connected');
    });
  });
}

test('a crash of the host and the end of the gate let go of what waits', async () => {
  await play(async ({ asked, connect, gate, server, world }) => {
    const first = connect(true);
    await world.sleep(100_000);
    server.crash();
    gate.close(true);
    (asked[0] as HeldSyn).admit();
    equal((await first)[0], 'EHOSTUNREACH');
  });
  await play(async ({ asked, connect, gate, world }) => {
    const first = connect(true);
    await world.sleep(100_000);
    gate.close(false);
    (asked[0] as HeldSyn).admit();
    // The next SYN asks again.
    await world.sleep(1e6);
    equal(asked.length, 2);
    (asked[1] as HeldSyn).refuse();
    equal((await first)[0], 'ECONNREFUSED');
  });
});

test('a thousand and twenty-four wait at most, further ones are dropped and counted', async () => {
  await play(async ({ asked, client, connect, server, world }) => {
    // The neighbour is known then, and no SYN is lost while it is asked for.
    const first = connect(true);
    await world.sleep(100_000);
    (asked.pop() as HeldSyn).refuse();
    await first;
    const ends: Promise<unknown>[] = [];
    client.core.limits.set(Resource.NOFILE, { soft: 2000, hard: 2000 }, true);
    for (let i = 0; i < 1030; i++) {
      const fd = await client.socket(AF_INET, SOCK_STREAM, 0);
      ends.push(client.connect(fd, sockaddrIn('10.0.1.2', 80)).catch(() => {}));
    }
    await world.sleep(500_000);
    equal(asked.length, 1024);
    equal(server.nstat()['TcpExtListenDrops'], 6);
    for (const syn of asked) syn.refuse();
    // Those that were dropped ask again.
    await world.sleep(1e6);
    equal(asked.length, 1030);
    for (const syn of asked.slice(1024)) syn.refuse();
    await Promise.all(ends);
  });
});
