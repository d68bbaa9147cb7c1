/**
 * The status that wait(2) tells, and what its macros read from it.
 *
 *   15          8 7 6      0
 *   | exit code  |0|   0    |     exited
 *   |     0      |c| signal |     killed; c: with a core file, which there never is here
 *   |  signal    |   0x7f   |     stopped
 *   0xffff                        continued
 */

export const CONTINUED = 0xffff;

export function exitedStatus(code: number): number {
  return (code & 0xff) << 8;
}

export function stoppedStatus(signo: number): number {
  return (signo << 8) | 0x7f;
}

export function WIFEXITED(status: number): boolean {
  return (status & 0x7f) === 0;
}

export function WEXITSTATUS(status: number): number {
  return (status >> 8) & 0xff;
}

export function WIFSIGNALED(status: number): boolean {
  const signo = status & 0x7f;
  return signo !== 0 && signo !== 0x7f;
}

export function WTERMSIG(status: number): number {
  return status & 0x7f;
}

export function WCOREDUMP(status: number): boolean {
  return (status & 0x80) !== 0;
}

export function WIFSTOPPED(status: number): boolean {
  return (status & 0xff) === 0x7f;
}

export function WSTOPSIG(status: number): number {
  return (status >> 8) & 0xff;
}

export function WIFCONTINUED(status: number): boolean {
  return status === CONTINUED;
}
