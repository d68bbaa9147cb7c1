/**
 * Negative errnos become Errors here, and only in the faces.
 */
import { wrongKind } from '../../base/arguments.ts';
import { errnoName, strerror } from '../../base/errno.ts';
import { fieldOf, isKind } from '../../base/thrown.ts';
import type { SystemError } from './syscalls.ts';

/** The Error for a failed call, with `code`, `errno` and `syscall` as Node spells them. */
export function systemError(errno: number, syscall: string): SystemError {
  if (typeof errno !== 'number') throw wrongKind('systemError: errno', 'a number', errno);
  if (typeof syscall !== 'string') throw wrongKind('systemError: syscall', 'a string', syscall);
  const code = errnoName(errno);
  const error = new Error(`${syscall}: ${code}: ${strerror(errno)}`) as SystemError;
  error.code = code;
  error.errno = errno < 0 ? errno : -errno;
  error.syscall = syscall;
  return error;
}

/** Is this the error of a failed call, and of this kind? */
export function isErrno(error: unknown, code: string): boolean {
  return isKind(error, Error) && fieldOf(error, 'code') === code;
}
