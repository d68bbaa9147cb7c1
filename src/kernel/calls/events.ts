/** epoll, eventfd, timerfd. */
import { Errno } from '../../base/errno.ts';
import { Poll } from '../../base/wait-queue.ts';
import { O } from '../../socket/constants.ts';
import { EPOLL, Epoll, EPOLL_CTL, type EpollWaitOperation } from '../epoll.ts';
import { EventCounter } from '../eventfd.ts';
import type { FileOperations } from '../../base/file-operations.ts';
import { OpenFile } from '../open-file.ts';
import type { KernelProcess } from '../process.ts';
import { SignalDescriptor } from '../signalfd.ts';
import { SignalSet } from '../signal-set.ts';
import { TimerDescriptor, type TimerSetting } from '../timerfd.ts';
import { timerTime, timespecUs, waitUs } from '../times.ts';
import { end } from './edges.ts';

export const EFD_SEMAPHORE = 1;
export const CLOCK = { REALTIME: 0, MONOTONIC: 1, BOOTTIME: 7 } as const;
/** timerfd_settime's flag: the value is a time of the clock. */
export const TFD_TIMER_ABSTIME = 1;
/** EP_MAX_EVENTS: as many as fit into INT_MAX bytes of 12 each. */
const MAX_EVENTS = Math.floor(0x7fffffff / 12);

function install(process: KernelProcess, operations: FileOperations, flags: number): number {
  const { descriptors, kernel: { fileTable } } = process;
  const fd = descriptors.reserve();
  const refused = fd < 0 ? fd : fileTable.refusal(process.credentials, 1, 0);
  if (refused < 0) {
    if (fd >= 0) descriptors.giveBack(fd);
    operations.release();
    return refused;
  }
  const file = new OpenFile(operations, fileTable);
  file.nonBlocking = (flags & O.NONBLOCK) !== 0;
  descriptors.fill(fd, file, (flags & O.CLOEXEC) !== 0);
  return fd;
}

export function epollCreate(process: KernelProcess, flags: number): number {
  return (flags & ~O.CLOEXEC) !== 0 ? -Errno.EINVAL : install(process, new Epoll(process.kernel.epollWatches, process.credentials.uid), flags);
}

/** epoll_ctl(2), errors in Linux's order (do_epoll_ctl). */
export function epollControl(
  process: KernelProcess, epfd: number, operation: number, fd: number, events: number, data: number,
): number {
  const epollFile = process.descriptors.file(epfd);
  const file = process.descriptors.file(fd);
  if (epollFile === null || file === null) return -Errno.EBADF;
  if (file.operations.isAlwaysReady === true) return -Errno.EPERM;
  const epoll = epollFile.operations;
  if (epollFile === file || !(epoll instanceof Epoll)) return -Errno.EINVAL;
  if (operation === EPOLL_CTL.MOD && (events & EPOLL.EXCLUSIVE) !== 0) return -Errno.EINVAL;
  process.kernel.loop.enter();
  process.kernel.current = process;
  switch (operation) {
    case EPOLL_CTL.ADD: return end(process, epoll.add(file, fd, events | 0, data));
    case EPOLL_CTL.MOD: return end(process, epoll.modify(file, fd, events | 0, data));
    case EPOLL_CTL.DEL: return end(process, epoll.remove(file, fd));
    default: return -Errno.EINVAL;
  }
}

/** Prepares epoll_wait(2) and its kin: microseconds, Infinity for ever; the mask that holds meanwhile, or null. */
export function prepareEpollWait(
  process: KernelProcess, operation: EpollWaitOperation, epfd: number, most: number, timeoutUs: number, mask: SignalSet | null,
): number {
  const waits = waitUs(timeoutUs);
  if (waits < 0) return -Errno.EINVAL;
  const file = process.descriptors.file(epfd);
  if (file === null) return -Errno.EBADF;
  if (!(most > 0 && most <= MAX_EVENTS)) return -Errno.EINVAL;
  if (!(file.operations instanceof Epoll)) return -Errno.EINVAL;
  operation.prepare(file, most, waits, mask);
  return 0;
}

export function eventfd(process: KernelProcess, initial: number, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK | EFD_SEMAPHORE)) !== 0) return -Errno.EINVAL;
  return install(process, new EventCounter(initial >>> 0, (flags & EFD_SEMAPHORE) !== 0), flags);
}

/** signalfd(2): a new descriptor when `fd` is -1, else that one takes other signals. */
export function signalfd(process: KernelProcess, fd: number, set: SignalSet, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) return -Errno.EINVAL;
  const taken = set.without(SignalSet.unblockable);
  if (fd === -1) return install(process, new SignalDescriptor(process, taken), flags);
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (!(file.operations instanceof SignalDescriptor)) return -Errno.EINVAL;
  process.kernel.loop.enter();
  file.operations.set = taken;
  process.signals.descriptors.wake(Poll.IN);
  return end(process, fd);
}

export function timerfdCreate(process: KernelProcess, clock: number, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) return -Errno.EINVAL;
  if (clock !== CLOCK.REALTIME && clock !== CLOCK.MONOTONIC && clock !== CLOCK.BOOTTIME) return -Errno.EINVAL;
  const { loop, timers } = process.kernel;
  return install(process, new TimerDescriptor(timers, clock === CLOCK.REALTIME ? -loop.environment.epochUs : 0), flags);
}

function timerAt(process: KernelProcess, fd: number): TimerDescriptor | number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  return file.operations instanceof TimerDescriptor ? file.operations : -Errno.EINVAL;
}

/** timerfd_settime(2): the setting before, or a negative errno. */
export function timerfdSet(process: KernelProcess, fd: number, flags: number, setting: TimerSetting): TimerSetting | number {
  const valueUs = timerTime(setting.valueUs, timespecUs), intervalUs = timerTime(setting.intervalUs, timespecUs);
  if ((flags & ~TFD_TIMER_ABSTIME) !== 0 || valueUs < 0 || intervalUs < 0) return -Errno.EINVAL;
  const timer = timerAt(process, fd);
  if (typeof timer === 'number') return timer;
  process.kernel.loop.enter();
  const before = timer.setting;
  timer.set({ valueUs, intervalUs }, (flags & TFD_TIMER_ABSTIME) !== 0);
  process.kernel.loop.drain();
  return before;
}

export function timerfdGet(process: KernelProcess, fd: number): TimerSetting | number {
  const timer = timerAt(process, fd);
  process.kernel.loop.enter();
  return typeof timer === 'number' ? timer : timer.setting;
}
