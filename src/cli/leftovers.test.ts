import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../api/posix/process.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { releaseChunk, takeChunk } from '../base/slab.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Host } from '../host.ts';
import { AF, SOCK } from '../socket/constants.ts';
import { sockaddrIn } from '../socket/sockaddr.ts';
import { HostEnd } from './leftovers.ts';

/** A host that is in the middle of many things. */
async function busyHost(): Promise<Host> {
  const random = new SeededRandom('leftovers');
  const host = new Host({ name: 'busy', loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random });
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

async function switchedOff(): Promise<Host> {
  const host = await busyHost();
  host.powerOff();
  return host;
}

test('a host that is switched off in the middle of things leaves nothing behind', async () => {
  const end = new HostEnd();
  equal(end.left(await switchedOff()), 'nothing');
});

test('what a host has not let go is told in words', async () => {
  const end = new HostEnd();
  const chunk = takeChunk();
  equal(end.left(await switchedOff()), '1 chunks');
  releaseChunk(chunk);
  const other = new HostEnd();
  const host = await switchedOff();
  host.stack.raw.create(true, 17);
  match(other.left(host), /^busy: raw endpoint of protocol 17$/);
});
