/** What /proc/net/ipv6_route tells of the table `local`, whatever becomes of a device. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { O_RDONLY } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { runProgram } from './program-runner.ts';

/** Destination, prefix and device of the table `local`: all between the first entry for what has no way and the second. */
async function told(host: Host): Promise<string[]> {
  const p = new Process(host, 'reader');
  const buffer = new Uint8Array(8000);
  const fd = await p.open('/proc/net/ipv6_route', O_RDONLY);
  const text = Buffer.from(buffer.subarray(0, await p.read(fd, buffer))).toString();
  await p.exit(0);
  const lines = text.trimEnd().split('\n').map((line) => line.split(/ +/));
  const ends = lines.flatMap((words, i) => (words[5] === 'ffffffff' ? [i] : []));
  equal(ends.length, 2);
  return lines.slice((ends[0] as number) + 1, ends[1]).map((words) => `${words[0]}/${words[1]} ${words[9]}`);
}

test('groups of a device are in the table while it is up', () => simulate({ seed: 1 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  world.cable(a, b, { addressA: 'fd00::1/64', addressB: 'fd00::2/64' });
  await world.sleep(3e6);
  const groups = `ff${'0'.repeat(30)}/08 eth0`;
  equal((await told(a)).filter((line) => line === groups).length, 1);
  equal((await runProgram(a, 'ip link set eth0 down')).status, 0);
  deepEqual(await told(a), [`${'0'.repeat(31)}1/80 lo`]);
  equal((await runProgram(a, 'ip link set eth0 up')).status, 0);
  await world.sleep(3e6);
  equal((await told(a)).filter((line) => line === groups).length, 1);
}));
