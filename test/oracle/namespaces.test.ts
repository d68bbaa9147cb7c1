/** Line 1: each machine of the Linux side has net, ipc, mount and pid namespaces of its own. */
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { existsSync, readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { compileAgent, LinuxHost } from '../../src/platform/node/oracle/linux-host.ts';
import type { LinuxProcess } from '../../src/platform/node/oracle/linux-process.ts';
import { needs } from '../needs.ts';
import { SIG, SIG_MASK } from './numbers.ts';

const root = resolve(process.env['SOCKSCAPE_ROOT'] ?? '.');
const NEEDS = needs('root', 'namespaces', 'cc');

const spaceOf = (process: LinuxProcess, kind: string): string => readlinkSync(`/proc/${process.hostPid}/ns/${kind}`);

/** The processes that one sees in /proc. */
async function seenBy(calls: LinuxProcess): Promise<number[]> {
  const fd = await calls.open('/proc', 0);
  const names: string[] = [];
  for (let more = await calls.getdents(fd); more.length > 0; more = await calls.getdents(fd)) names.push(...more.map(({ name }) => name));
  await calls.close(fd);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

test('two machines see nothing of each other, and each numbers its processes from 1', NEEDS, async () => {
  const agent = compileAgent(join(root, 'test/oracle/agent.c'), join(root, 'build/oracle'));
  const machines = [await LinuxHost.open(agent), await LinuxHost.open(agent)] as const;
  const hostPids: number[] = [];
  try {
    const processes: [LinuxProcess, LinuxProcess, LinuxProcess][] = [];
    for (const machine of machines) {
      const session = await machine.spawn(true);
      processes.push([session, await machine.spawn(false), await machine.fork(session)]);
    }
    const [here, there] = processes as [(typeof processes)[0], (typeof processes)[0]];
    for (const kind of ['net', 'ipc', 'mnt', 'pid']) {
      notEqual(spaceOf(here[0], kind), spaceOf(there[0], kind), kind);
      notEqual(spaceOf(here[0], kind), readlinkSync(`/proc/self/ns/${kind}`), kind);
      for (const each of here) equal(spaceOf(each, kind), spaceOf(here[0], kind), kind);
    }
    // Numbers of their own, each kernel process another one here.
    for (const [session, tasks, child] of processes) {
      // Threads have numbers too; a machine that has only just been started has given few.
      ok([session, tasks, child].every(({ pid }) => pid > 1 && pid < 100));
      deepEqual([await session.getpid(), await tasks.getpid(), await child.getpid()], [session.pid, tasks.pid, child.pid]);
      deepEqual([await session.getppid(), await tasks.getppid(), await child.getppid()], [1, 1, session.pid]);
      deepEqual(await seenBy(session), [1, session.pid, tasks.pid, child.pid]);
      hostPids.push(...[session, tasks, child].map(({ hostPid }) => hostPid));
    }
    equal(new Set(hostPids).size, 6);
    ok(hostPids.every((pid) => existsSync(`/proc/${pid}`)));
    // A signal for everybody stops at the namespace's end.
    for (const [session, , child] of processes) for (const each of [session, child]) await each.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    await here[2].sigprocmask(SIG_MASK.BLOCK, [SIG.SIGURG]);
    await here[0].kill(-1, SIG.SIGURG);
    deepEqual(await here[2].sigpending(), [SIG.SIGURG]);
    for (const each of [there[0], there[2]]) deepEqual(await each.sigpending(), []);
    await here[0].kill(-1, SIG.SIGKILL);
    equal((await here[0].waitpid(-1)).pid, here[2].pid);
    // The third was init's child, which takes its end when it comes to it.
    for (let i = 0; i < 1000 && (await seenBy(here[0])).includes(here[1].pid); i++) await new Promise((later) => setTimeout(later, 5));
    deepEqual(await seenBy(here[0]), [1, here[0].pid]);
    // Its first process is not to be killed from inside, and another machine's process cannot even be named.
    await here[0].kill(1, SIG.SIGKILL);
    equal(await here[0].getppid(), 1);
    await rejects(here[0].kill(hostPids.find((pid) => pid > 1000) ?? 1001, 0), { code: 'ESRCH' });
    deepEqual(await seenBy(there[0]), [1, ...there.map(({ pid }) => pid)]);
  } finally {
    for (const machine of machines) await machine.close();
  }
  deepEqual(hostPids.filter((pid) => existsSync(`/proc/${pid}`)), []);
});
