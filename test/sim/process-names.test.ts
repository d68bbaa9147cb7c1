/** What children are called, and in which order groups are told. */
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { group_req } from '../../src/api/posix/multicast-values.ts';
import { fopen, fgets } from '../../src/api/posix/stdio.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, IPPROTO, MCAST, SOCK } from '../../src/socket/constants.ts';

async function text(process: Process, path: string): Promise<string> {
  const file = await fopen(process, path, 'r');
  let all = '';
  for (let line = await fgets(4096, file); line !== null; line = await fgets(4096, file)) all += new TextDecoder().decode(line);
  return all;
}

test('execve(2): a child has the name of its program, of which comm, stat and status tell 15 bytes', () => simulate({ seed: 1 }, async (world) => {
  const shell = new Process(world.host('a'), 'shell');
  async function sleeps(process: Process): Promise<number> {
    await process.sleep(1e6);
    return 0;
  }
  const anonymous = (() => async (process: Process): Promise<number> => sleeps(process))();
  for (const [program, options, name, comm] of [
    [sleeps, {}, 'sleeps', 'sleeps'], [sleeps, { name: 'a-name-of-more-than-15' }, 'a-name-of-more-than-15', 'a-name-of-more-'],
    [anonymous, {}, 'shell', 'shell'], [sleeps, { name: 'ünïcödé-näme' }, 'ünïcödé-näme', 'ünïcödé-nä'],
  ] as const) {
    const pid = await shell.spawn(program, ['x'], options);
    equal(await text(shell, `/proc/${pid}/comm`), `${comm}\n`);
    equal((await text(shell, `/proc/${pid}/stat`)).startsWith(`${pid} (${comm}) `), true);
    match(await text(shell, `/proc/${pid}/status`), new RegExp(`^Name:\t${comm}$`, 'm'));
    equal(await text(shell, `/proc/${pid}/cmdline`), `${name}\0x\0`);
    await shell.waitpid(pid);
  }
}));

test('/proc/net/igmp and igmp6: the newest group of an interface comes first', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  world.cable(host, world.host('b'));
  const process = new Process(host, 'p');
  const [v4, v6] = [await process.socket(AF.INET, SOCK.DGRAM, 0), await process.socket(AF.INET6, SOCK.DGRAM, 0)];
  for (const n of [1, 2]) {
    await process.setsockopt(v4, IPPROTO.IP, MCAST.JOIN_GROUP, group_req(2, `239.0.0.${n}`));
    await process.setsockopt(v6, IPPROTO.IPV6, MCAST.JOIN_GROUP, group_req(2, `ff15::${n}`));
  }
  match(await text(process, '/proc/net/igmp'), /\t020000EF .*\n.*\t010000EF .*\n.*\t010000E0 /);
  match(await text(process, '/proc/net/igmp6'), /ff15\w*2 .*\n.*ff15\w*1 .*\n(.*\n)*.*eth0 +ff02\w*1 /);
}));
