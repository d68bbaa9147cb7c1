import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../api/posix/process.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { releaseChunk, takeChunk } from '../base/slab.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Host } from '../host.ts';
import { AF, SOCK } from '../socket/constants.ts';
import { sockaddrIn } from '../socket/sockaddr.ts';
import { CommandHosts } from './leftovers.ts';

/** A host that is in the middle of many things. */
async function busyHost(hosts: CommandHosts): Promise<Host> {
  const random = new SeededRandom('leftovers');
  const host = hosts.make({ name: 'busy', loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random });
  const process = new Process(host, 'busy');
  const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.bind(listener, sockaddrIn('127.0.0.1', 80));
  await process.listen(listener, 5);
  const client = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(client, sockaddrIn('127.0.0.1', 80));
  await process.send(client, new Uint8Array(100_000), 0x40);
  process.accept(await process.dup(listener)).then(() => process.accept(listener)).catch(() => {});
  await process.sleep(1000);
  return host;
}

test('a host that is switched off in the middle of things leaves nothing behind', async () => {
  const hosts = new CommandHosts();
  await busyHost(hosts);
  equal(hosts.end(() => {}), 'nothing');
});

test('what a host has not let go is told in words', async () => {
  const hosts = new CommandHosts();
  await busyHost(hosts);
  const chunk = takeChunk();
  equal(hosts.end(() => {}), '1 chunks');
  releaseChunk(chunk);
  const others = new CommandHosts();
  const host = await busyHost(others);
  match(others.end(() => host.stack.raw.create(true, 17)), /^busy: raw endpoint of protocol 17$/);
});

test('what is let go after the hosts counts too: a device may hold memory', async () => {
  const chunk = takeChunk();
  const hosts = new CommandHosts();
  const more = takeChunk();
  await busyHost(hosts);
  equal(hosts.end(() => releaseChunk(more)), 'nothing');
  releaseChunk(chunk);
});
