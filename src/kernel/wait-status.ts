/**
 * The status that wait(2) tells, and what its macros read from it.
 *
 *   15          8 7 6      0
 *   | exit code  |0|   0    |     exited
 *   |     0      |c| signal |     killed; c: with a core file, which there never is here
 *   |  signal    |   0x7f   |     stopped
 *   0xffff                        continued
 */
import { readNumber } from '../base/arguments.ts';

export const CONTINUED = 0xffff;

export function exitedStatus(code: number): number {
  return (code & 0xff) << 8;
}

export function stoppedStatus(signo: number): number {
  return (signo << 8) | 0x7f;
}

/** Programs hand in what they like; C's macros take an int. */
function int(macro: string, status: unknown): number {
  return (readNumber(`${macro}: status`, status) ?? 0) | 0;
}

export function WIFEXITED(status: number): boolean {
  return (int('WIFEXITED', status) & 0x7f) === 0;
}

export function WEXITSTATUS(status: number): number {
  return (int('WEXITSTATUS', status) >> 8) & 0xff;
}

export function WIFSIGNALED(status: number): boolean {
  const signo = int('WIFSIGNALED', status) & 0x7f;
  return signo !== 0 && signo !== 0x7f;
}

export function WTERMSIG(status: number): number {
  return int('WTERMSIG', status) & 0x7f;
}

export function WCOREDUMP(status: number): boolean {
  return (int('WCOREDUMP', status) & 0x80) !== 0;
}

export function WIFSTOPPED(status: number): boolean {
  return (int('WIFSTOPPED', status) & 0xff) === 0x7f;
}

export function WSTOPSIG(status: number): number {
  return (int('WSTOPSIG', status) >> 8) & 0xff;
}

export function WIFCONTINUED(status: number): boolean {
  return int('WIFCONTINUED', status) === CONTINUED;
}
