/** System calls on descriptors, whatever stands behind them. */
import { Errno } from '../../base/errno.ts';
import { F, FD_CLOEXEC, IOCTL, O } from '../../socket/constants.ts';
import { toInt } from '../int.ts';
import type { OpenFile } from '../open-file.ts';
import { PipeEnd } from '../pipe.ts';
import type { KernelProcess } from '../process.ts';
import { isSignal } from '../signal-numbers.ts';
import type { LingerOperation } from '../transfer.ts';
import { end } from './edges.ts';

/**
 * close(2), first half. Returns 0, a negative errno, or PENDING with `linger` started when SO_LINGER makes the call
 * wait for the last data to be acknowledged: O_NONBLOCK does not spare anybody that (inet_release).
 */
export function close(process: KernelProcess, fd: number, linger: LingerOperation): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  process.kernel.loop.enter();
  process.descriptors.remove(fd);
  const socket = file.socket;
  const seconds = socket === null ? -1 : socket.lingerSeconds;
  if (socket !== null && seconds > 0 && file.refs === 1) {
    file.letGo();
    linger.prepare(socket, seconds);
    return linger.start();
  }
  file.letGo();
  return end(process, 0);
}

export function dup(process: KernelProcess, fd: number): number {
  const file = process.descriptors.file(fd);
  return file === null ? -Errno.EBADF : process.descriptors.install(file, false);
}

export function dup2(process: KernelProcess, fd: number, to: number): number {
  const file = process.descriptors.file(fd);
  if (file === null || to >>> 0 !== to || to >= process.descriptors.max) return -Errno.EBADF;
  if (fd === to) return to;
  process.kernel.loop.enter();
  return end(process, process.descriptors.replace(to, file, false));
}

/** dup3(2): dup2 that may set close-on-exec, and for which a descriptor that stays itself is a mistake. */
export function dup3(process: KernelProcess, fd: number, to: number, flags: number): number {
  if ((flags & ~O.CLOEXEC) !== 0 || fd === to) return -Errno.EINVAL;
  const file = process.descriptors.file(fd);
  if (file === null || to >>> 0 !== to || to >= process.descriptors.max) return -Errno.EBADF;
  process.kernel.loop.enter();
  return end(process, process.descriptors.replace(to, file, (flags & O.CLOEXEC) !== 0));
}

/** close_range(2)'s flags. */
export const CloseRange = { UNSHARE: 2, CLOEXEC: 4 } as const;

/** close_range(2): closes (or marks) the descriptors from `first` to `last`, both included. Nobody waits for SO_LINGER. */
export function closeRange(process: KernelProcess, first: number, last: number, flags: number): number {
  if ((flags & ~(CloseRange.UNSHARE | CloseRange.CLOEXEC)) !== 0) return -Errno.EINVAL;
  const { descriptors } = process;
  const from = first >>> 0;
  const to = last >>> 0;
  if (from > to) return -Errno.EINVAL;
  process.kernel.loop.enter();
  for (let fd = from; fd <= to && fd <= descriptors.highest; fd++) {
    if ((flags & CloseRange.CLOEXEC) === 0) descriptors.closeIfOpen(fd);
    else if (descriptors.file(fd) !== null) descriptors.setCloseOnExec(fd, true);
  }
  return end(process, 0);
}

export function fcntl(process: KernelProcess, fd: number, command: number, argument: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  switch (command) {
    case F.DUPFD:
    case F.DUPFD_CLOEXEC:
      if (argument < 0 || argument >= process.descriptors.max) return -Errno.EINVAL;
      return process.descriptors.install(file, command === F.DUPFD_CLOEXEC, toInt(argument));
    case F.GETFD:
      return process.descriptors.closesOnExec(fd) ? FD_CLOEXEC : 0;
    case F.SETFD:
      process.descriptors.setCloseOnExec(fd, (argument & FD_CLOEXEC) !== 0);
      return 0;
    case F.GETPIPE_SZ: return file.operations instanceof PipeEnd ? file.operations.pipe.capacity : -Errno.EBADF;
    case F.SETPIPE_SZ: {
      if (!(file.operations instanceof PipeEnd)) return -Errno.EBADF;
      process.kernel.loop.enter();
      return end(process, file.operations.pipe.resize(argument, process.credentials));
    }
    case F.GETFL:
      return file.operations.accessMode | file.otherFlags | (file.nonBlocking ? O.NONBLOCK : 0) | (file.append ? O.APPEND : 0)
        | (file.owner?.isAsync === true ? O.ASYNC : 0);
    case F.SETFL:
      file.nonBlocking = (argument & O.NONBLOCK) !== 0;
      file.setAppend((argument & O.APPEND) !== 0);
      setAsync(file, (argument & O.ASYNC) !== 0);
      return 0;
    case F.SETOWN:
      return file.needOwner().set(process, toInt(argument), fd);
    case F.SETSIG:
      if (argument !== 0 && !isSignal(argument)) return -Errno.EINVAL;
      file.needOwner().signo = argument;
      return 0;
    case F.GETSIG:
      return file.owner?.signo ?? 0;
    default:
      return -Errno.EINVAL;
  }
}

export function ioctl(process: KernelProcess, fd: number, request: number, argument: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (request === IOCTL.FIONBIO) {
    file.nonBlocking = argument !== 0;
    return 0;
  }
  if (request === IOCTL.FIOASYNC) {
    setAsync(file, argument !== 0);
    return 0;
  }
  return file.operations.control(request);
}

/** fcntl(F_GETOWN): a pid, a group as its negative number, 0 for nobody; null is EBADF. */
export function getOwner(process: KernelProcess, fd: number): number | null {
  const file = process.descriptors.file(fd);
  return file === null ? null : (file.owner?.owner ?? 0);
}

function setAsync(file: OpenFile, on: boolean): void {
  if (on) file.needOwner().isAsync = true;
  else if (file.owner !== null) file.owner.isAsync = false;
}
