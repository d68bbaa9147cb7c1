/** System calls on descriptors, whatever stands behind them. */
import { Errno } from '../../base/errno.ts';
import { F, FD_CLOEXEC, IOCTL, O } from '../../socket/constants.ts';
import { toInt } from '../int.ts';
import type { KernelProcess } from '../process.ts';
import type { LingerOperation } from '../transfer.ts';
import { end } from './end.ts';

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
    case F.GETFL:
      return file.operations.accessMode | (file.nonBlocking ? O.NONBLOCK : 0) | (file.append ? O.APPEND : 0);
    case F.SETFL:
      file.nonBlocking = (argument & O.NONBLOCK) !== 0;
      file.append = (argument & O.APPEND) !== 0;
      return 0;
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
  return file.operations.control(request);
}

/** unlink(2), as far as there is something to unlink: sockets' paths. */
export function unlink(process: KernelProcess, path: Uint8Array): number {
  return process.exited ? -Errno.ESRCH : process.kernel.socketPaths.unlink(path, process.credentials);
}
