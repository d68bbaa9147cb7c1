/**
 * The cells of docs/errors.md that occur here and no Linux can be asked about (test/oracle/errors/occurring.ts): each call does fail so,
 * and does not where nothing is scarce. And those that are said to take no memory go on on a host that has not a byte left.
 */
import { equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { IPC } from '../../src/kernel/ipc/ipc-object.ts';
import { OCCURRING, type Prepare, type Scarce } from '../oracle/errors/occurring.ts';
import { TAKING_NO_MEMORY } from '../oracle/errors/taking-no-memory.ts';
import { seed } from '../results.ts';

const MEMORY = 16 << 20;

async function codeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'none';
  } catch (error) {
    const { code } = error as SystemError;
    if (code === undefined) throw error;
    return code;
  }
}

/** Takes what a host has: segments, of what they leave messages, each half as large as the one before that was refused, and groups in the end. */
async function exhaust(host: Host): Promise<void> {
  const greedy = new Process(host, 'greedy');
  const { memory } = host.kernel;
  const queues = [await greedy.msgget(IPC.PRIVATE, IPC.CREAT | 0o600), await greedy.msgget(IPC.PRIVATE, IPC.CREAT | 0o600)];
  const until = async (call: (size: number) => Promise<unknown>, first: number): Promise<void> => {
    for (let size = first; size >= 1; size = Math.floor(size / 2)) while ((await codeOf(() => call(size))) === 'none');
  };
  await until((size) => greedy.shmget(IPC.PRIVATE, size, IPC.CREAT | 0o600), MEMORY);
  for (const id of queues) await until((size) => greedy.msgsnd(id, 1, new Uint8Array(size), IPC.NOWAIT), 4096);
  await greedy.setgroups(new Array<number>(Math.floor((memory.totalBytes - memory.usedBytes) / 8)).fill(1));
  const left = memory.totalBytes - memory.usedBytes;
  ok(left < 64, `${left} bytes are left`);
}

/** What a call says on a host of its own, whose memory or descriptions are gone before. */
async function outcome(prepare: Prepare, scarce: Scarce, isScarce: boolean): Promise<string> {
  let code = '';
  await simulate({ seed, eventLimit: 100_000_000 }, async (world) => {
    const host = world.host('a', scarce === 'nothing' ? {} : { memoryBytes: MEMORY });
    const process = new Process(host, 'p');
    if (scarce === 'descriptions') await process.setresuid(1000, 1000, 1000);
    const call = await prepare(process, host);
    if (isScarce && scarce === 'memory') await exhaust(host);
    if (isScarce && scarce === 'descriptions') host.sysctl('fs.file-max', host.kernel.fileTable.count);
    code = await codeOf(call);
    for (const each of host.kernel.processes()) each.end(0);
  });
  return code;
}

for (const { call, errno, scarce, prepare } of OCCURRING) {
  test(`${call}: ${errno}`, { timeout: 120_000 }, async () => {
    equal(await outcome(prepare, scarce, true), errno);
    if (scarce !== 'nothing') equal(await outcome(prepare, scarce, false), 'none', 'where there is enough');
  });
}

for (const [call, prepare] of Object.entries(TAKING_NO_MEMORY)) {
  test(`${call} takes no memory`, { timeout: 120_000 }, async () => {
    const code = await outcome(prepare, 'memory', true);
    notEqual(code, 'ENOMEM');
    equal(code, await outcome(prepare, 'memory', false), 'as where there is enough');
  });
}
