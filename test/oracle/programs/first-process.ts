/** A machine's first process: whose parent it is, what becomes of orphans, and how far kill(-1) reaches. */
import type { SignalInformation } from '../../../src/api/posix/signal-syscalls.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { SIG, W } from '../numbers.ts';
import { informationText } from '../recorder-processes.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';

const INIT = 1;
const USER = 1000;

async function watch(p: Syscalls, signo: number): Promise<string[]> {
  const list: string[] = [];
  await p.sigaction(signo, { handler: (_signo: number, info: SignalInformation) => void list.push(informationText(info)) });
  return list;
}

/** What each process has caught so far, in this order. */
async function caught(env: ProgramEnvironment, lists: readonly (readonly [Syscalls, string[]])[]): Promise<void> {
  await env.settle();
  for (const [p, list] of lists) {
    await p.getpid();
    env.note('caught', list.splice(0).join(', ') || 'nothing');
  }
}

export const programs: Program[] = [
  program('first-process-parent', async (env) => {
    const p = await env.signalProcess();
    const q = await env.process();
    await p.getpid();
    await p.getppid();
    await q.getppid();
    for (const what of [INIT, 0]) {
      await env.attempt(p.getpgid(what));
      await env.attempt(p.getsid(what));
    }
    await env.attempt(p.setpgid(INIT, 0));
    await env.attempt(p.waitpid(INIT));
    await env.attempt(p.waitpid(-INIT, W.NOHANG));
    // It takes no signal that it has no handler for, not even this one.
    for (const signo of [0, SIG.SIGTERM, SIG.SIGUSR1, SIG.SIGKILL, SIG.SIGSTOP]) await p.kill(INIT, signo);
    await env.settle();
    await p.kill(INIT, 0);
    const child = await env.fork(p);
    await child.setuid(USER);
    for (const signo of [0, SIG.SIGTERM, SIG.SIGCONT]) await env.attempt(child.kill(INIT, signo));
  }),
  program('first-process-orphans', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const grandchild = await env.fork(child);
    const pids = [await child.getpid(), await grandchild.getpid()] as const;
    await grandchild.getppid();
    await env.exit(child, 3);
    await env.settle();
    await p.waitpid(pids[0]);
    await grandchild.getppid();
    await env.attempt(p.waitpid(pids[1]));
    await env.attempt(p.waitpid(-1));
    await p.kill(pids[1], 0);
    // Nobody but the first process waits for it.
    await env.exit(grandchild, 4);
    await env.settle();
    await env.attempt(p.kill(pids[1], 0));
    await env.attempt(p.getpgid(pids[1]));
  }),
  program('kill-everybody', async (env) => {
    const p = await env.signalProcess();
    const q = await env.signalProcess();
    const child = await env.fork(p);
    const lists: [Syscalls, string[]][] = [];
    for (const each of [p, q, child]) lists.push([each, await watch(each, SIG.SIGURG)]);
    for (const each of [p, q, child]) await each.getpid();
    // Everybody but the caller and the first process, and nobody of another machine.
    for (const each of [p, q, child]) {
      await each.kill(-1, SIG.SIGURG);
      await caught(env, lists);
    }
    await env.attempt(p.kill(-1, 65));
    await p.kill(-1, 0);
  }),
  program('kill-everybody-of-a-user', async (env) => {
    const p = await env.signalProcess();
    const users = [await env.fork(p), await env.fork(p)];
    for (const user of users) await user.setuid(USER);
    const lists: [Syscalls, string[]][] = [];
    for (const each of [p, ...users]) lists.push([each, await watch(each, SIG.SIGUSR1)]);
    for (const each of [p, ...users]) await each.getpid();
    for (const user of users) {
      await user.kill(-1, SIG.SIGUSR1);
      await caught(env, lists);
    }
    const [first, second] = users as [Syscalls, Syscalls];
    env.mayDie(second);
    const pid = await second.getpid();
    await first.kill(-1, SIG.SIGKILL);
    await p.waitpid(pid);
    await p.waitpid(-1, W.NOHANG);
  }),
];
