/** world.tcpdump and world.ss: our programs on hosts of a world, for its body. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { Host } from '../../src/host.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { simulate, type World, WorldError } from '../../src/sim/world.ts';

const turn = (fn: () => void): void => void setImmediate(fn);

function pair<T>(body: (world: World, client: Host, server: Host) => Promise<T>): Promise<T> {
  return simulate({ seed: 1, turn }, (world) => {
    const [client, server] = [world.host('client'), world.host('server')];
    world.cable(client, server, { delayUs: 10_000 });
    return body(world, client, server);
  });
}

async function refused(host: Host): Promise<void> {
  const process = new Process(host, 'client');
  const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(fd, sockaddrIn('10.0.1.2', 80)).catch(() => {});
  await process.close(fd);
  process.exit();
}

test('world.tcpdump: sees what passes after it has been awaited, in virtual time, and ends', async () => {
  await pair(async (world, client, server) => {
    const [ours, theirs] = [await world.tcpdump(client, '-n tcp'), await world.tcpdump(server, ['-n', '-i', 'any', '-c', '1', 'tcp port 80'])];
    equal(world.now, 0);
    await refused(client);
    equal(world.now, 40_000);
    const lines = await ours.stop();
    equal(world.now, 40_001);
    equal(lines.length, 2);
    match(lines[0] as string, /^00:00:00\.020000 IP 10\.0\.1\.1\.\d+ > 10\.0\.1\.2\.80: Flags \[S\], seq \d+, win 64240, options \[.*\], length 0$/);
    match(lines[1] as string, /^00:00:00\.040000 IP 10\.0\.1\.2\.80 > 10\.0\.1\.1\.\d+: Flags \[R\.\], seq 0, ack \d+, win 0, length 0$/);
    equal(ours.text(), lines.map((line) => `${line}\n`).join(''));
    deepEqual(ours.errors.slice(-3), ['2 packets captured', '2 packets received by filter', '0 packets dropped by kernel']);
    // It has ended by itself; and what passes now is nobody's.
    match((await theirs.stop()).join('\n'), /^00:00:00\.030000 eth0  In  IP 10\.0\.1\.1\.\d+ > 10\.0\.1\.2\.80: Flags \[S\], [^\n]*$/);
    await refused(client);
    equal(ours.lines.length, 2);
    equal((await ours.stop()).length, 2);
    await world.sleep(10_000_000);
    deepEqual(world.leftovers(), []);
  });
});

test('world.tcpdump: what is still to be printed when it is stopped is printed', async () => {
  await pair(async (world, client) => {
    const [loopback, hex] = [await world.tcpdump(client, '-n -i lo udp'), await world.tcpdump(client, '-n -x arp')];
    const process = new Process(client, 'sender');
    const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
    await world.sleep(1_000_000);
    const datagrams = Array.from({ length: 1000 }, () => process.sendto(fd, new Uint8Array(4), 0, sockaddrIn('127.0.0.1', 9)));
    await process.sendto(fd, new Uint8Array(4), 0, sockaddrIn('10.0.1.2', 9));
    const [lines, words] = [await loopback.stop(), await hex.stop()];
    equal(lines.length, 1000);
    ok(lines.every((line) => /^00:00:01\.000000 IP 127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.9: UDP, length 4$/.test(line)));
    // A packet of many lines.
    match(words.join('\n'), /^00:00:01\.000000 ARP, Request who-has 10\.0\.1\.2 tell 10\.0\.1\.1, length 28\n\t0x0000: {2}0001 [0-9a-f ]+\n\t0x0010: [0-9a-f ]+$/);
    await Promise.all(datagrams);
    process.exit();
  });
});

test('world.ss: the sockets of a host, with their timers', async () => {
  await pair(async (world, client, server) => {
    equal((await world.ss(server, '-tln')).length, 1);
    const process = new Process(server, 'server');
    const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
    await process.bind(fd, sockaddrIn('0.0.0.0', 80));
    await process.listen(fd, 5);
    const [, line] = await world.ss(server, '-tlnp');
    match(line as string, /^LISTEN 0 {6}5 +0\.0\.0\.0:80 +0\.0\.0\.0:\* +users:\(\("server",pid=\d+,fd=3\)\)/);
    deepEqual(await world.ss(client, ['-Htn']), []);
    process.exit();
    await world.sleep(10_000_000);
    deepEqual(world.leftovers(), []);
  });
});

test('world.tcpdump and world.ss: what they refuse is an error with their own words', async () => {
  const elsewhere = await pair(async (_, client) => client);
  await pair(async (world, client) => {
    await rejects(world.tcpdump(client, '-n tcp prot 80'), (error: Error) => error instanceof WorldError && /^tcpdump: can't parse filter expression/.test(error.message));
    await rejects(world.tcpdump(client, '-i eth7'), { message: /^tcpdump: eth7: No such device exists/ });
    await rejects(world.ss(client, '--frobnicate'), { name: 'WorldError', message: /^ss: unrecognized option '--frobnicate'/ });
    await rejects(world.ss(client, "-t 'x"), { name: 'TypeError', message: /the quote ' has no end/ });
    await rejects(world.ss('client' as unknown as Host), { name: 'TypeError', message: /not a string$/ });
    await rejects(world.tcpdump(client, 5 as unknown as string), { name: 'TypeError', message: /not a number$/ });
    await rejects(world.ss(elsewhere), { name: 'TypeError', message: /client is a host of another world/ });
    await world.sleep(10_000_000);
    deepEqual(world.leftovers(), []);
  });
});

test('world.tcpdump: ends with its machine, and its lines stay', async () => {
  await pair(async (world, client, server) => {
    const dump = await world.tcpdump(server, '-n tcp');
    await refused(client);
    server.crash();
    equal((await dump.stop()).length, 2);
    await rejects(world.ss(server), { message: /^ss: server has no power/ });
    await rejects(world.tcpdump(server), { message: /^tcpdump: server has no power/ });
    server.restart();
    await refused(client);
    equal(dump.lines.length, 2);
    const other = await world.tcpdump(server, '-n tcp');
    await refused(client);
    server.crash();
    server.restart();
    await refused(client);
    equal((await other.stop()).length, 2);
    ok((await world.ss(server)).length >= 1);
  });
});

test('world.tcpdump: one that nobody stops ends with its world, without a word', async () => {
  const rejected: unknown[] = [];
  const listener = (reason: unknown): void => void rejected.push(reason);
  process.on('unhandledRejection', listener);
  const dump = await pair(async (world, client) => {
    const running = await world.tcpdump(client, '-n tcp');
    await refused(client);
    return running;
  });
  await rejects(pair(async (world, client) => {
    await world.tcpdump(client);
    throw new Error('the body ends');
  }), /the body ends/);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', listener);
  deepEqual(rejected, []);
  equal(dump.lines.length, 2);
  equal((await dump.stop()).length, 2);
});

test('world.ss and world.tcpdump of a world that is over say so', async () => {
  let asked: (() => Promise<unknown>)[] = [];
  await pair(async (world, _client, server) => {
    asked = [() => world.ss(server), () => world.tcpdump(server)];
  });
  for (const ask of asked) await rejects(ask(), /: the world of server is over/);
});
