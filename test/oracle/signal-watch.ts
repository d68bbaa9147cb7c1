/** What programs say of the signals that they caught. */
import type { SignalInformation } from '../../src/api/posix/signal-syscalls.ts';
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import type { ProgramEnvironment } from './program.ts';
import { informationText } from './recorder-processes.ts';

/** Installs a handler that keeps what it is told in `list`, which is returned. */
export async function watch(p: Syscalls, signo: number, flags = 0, list: string[] = []): Promise<string[]> {
  const handler = (_signo: number, info: SignalInformation): void => {
    list.push(informationText(info));
  };
  await p.sigaction(signo, { handler, flags });
  return list;
}

/** Notes what has been caught so far, and forgets it. The call before it lets handlers run. */
export async function caught(env: ProgramEnvironment, p: Syscalls, list: string[]): Promise<void> {
  await p.getpid();
  env.note('caught', list.splice(0).join(', ') || 'nothing');
}
