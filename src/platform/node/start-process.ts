/** A process for a program of Node: host.run's, host.spawn's, and the one of sockscape/register. */
import { systemError } from '../../api/posix/errors.ts';
import type { Host } from '../../host.ts';
import type { KernelProcess } from '../../kernel/process.ts';

/** Throws EAGAIN and ENOMEM, as spawn(2) of Node's does, when the host cannot have another one. */
export function startProcess(host: Host, name: string): KernelProcess {
  const core = host.kernel.spawn(name, null, null);
  if (typeof core === 'number') throw systemError(core, 'spawn');
  return core;
}
