/** select, epoll, eventfd and timerfd: the part of `Syscalls` that waits for many things. */
import type { EpollEvent } from '../../kernel/epoll.ts';
import type { DescriptorSet } from '../../kernel/select.ts';
import type { TimerSetting } from '../../kernel/timerfd.ts';
import type { PollRequest } from './syscalls.ts';

export type { DescriptorSet, EpollEvent, TimerSetting };

export interface EventSyscalls {
  /**
   * select(2) on the descriptors below `count`: resolves to how many bits are set, and leaves in the sets what is ready. A set
   * is a bit a descriptor, as C's fd_set (`new Uint8Array(128)`, `FD_SET`), or null. Infinity waits for ever.
   *
   * Errors: EBADF, EINVAL, EINTR.
   */
  select(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
  ): Promise<number>;
  /**
   * pselect(2): select with a signal mask that holds while it waits, set and set back in one step; null leaves the mask
   * alone. Errors: EBADF, EINVAL, EINTR.
   */
  pselect(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
    mask: Iterable<number> | null,
  ): Promise<number>;
  /**
   * ppoll(2): poll with the time in microseconds, Infinity for ever, and a signal mask that holds while it waits; null
   * leaves the mask alone. Errors: EINVAL, EINTR.
   */
  ppoll(fds: PollRequest[], timeoutUs: number, mask: Iterable<number> | null): Promise<number>;
  /** epoll_create1(2): resolves to a descriptor; `flags`: O_CLOEXEC. Errors: EINVAL, EMFILE. */
  epoll_create1(flags: number): Promise<number>;
  /**
   * epoll_ctl(2): EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL. `events`: poll's bits with EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE;
   * `data` comes back with each event.
   *
   * Errors: EBADF, EEXIST, ENOENT, EINVAL, EPERM (a file that is always ready), ELOOP.
   */
  epoll_ctl(epfd: number, operation: number, fd: number, events?: number, data?: number): Promise<void>;
  /** epoll_wait(2): resolves to at most `most` events, none after the timeout in ms (-1: for ever). Errors: EBADF, EINVAL, EINTR. */
  epoll_wait(epfd: number, most: number, timeoutMs: number): Promise<EpollEvent[]>;
  /** epoll_pwait(2): epoll_wait with a signal mask that holds while it waits; null leaves it alone. Errors: EBADF, EINVAL, EINTR. */
  epoll_pwait(epfd: number, most: number, timeoutMs: number, mask: Iterable<number> | null): Promise<EpollEvent[]>;
  /** epoll_pwait2(2): epoll_pwait with the time in microseconds, Infinity for ever. Errors: EBADF, EINVAL, EINTR. */
  epoll_pwait2(epfd: number, most: number, timeoutUs: number, mask: Iterable<number> | null): Promise<EpollEvent[]>;
  /**
   * signalfd(2): a descriptor from which the pending signals of `set` are read, 128 bytes each (`struct signalfd_siginfo`);
   * block them first. `fd` -1 makes one, else that one takes other signals. `flags`: SFD_NONBLOCK, SFD_CLOEXEC.
   *
   * Errors: EINVAL, EBADF, EMFILE.
   */
  signalfd(fd: number, set: Iterable<number>, flags: number): Promise<number>;
  /** eventfd(2): `flags` EFD_SEMAPHORE, O_NONBLOCK, O_CLOEXEC. Errors: EINVAL, EMFILE. */
  eventfd(initial: number, flags: number): Promise<number>;
  /** timerfd_create(2): `clock` CLOCK_MONOTONIC or CLOCK_REALTIME; `flags` O_NONBLOCK, O_CLOEXEC. Errors: EINVAL, EMFILE. */
  timerfd_create(clock: number, flags: number): Promise<number>;
  /** timerfd_settime(2), times in microseconds; resolves to the setting before. Errors: EBADF, EINVAL. */
  timerfd_settime(fd: number, flags: number, setting: TimerSetting): Promise<TimerSetting>;
  /** timerfd_gettime(2). Errors: EBADF, EINVAL. */
  timerfd_gettime(fd: number): Promise<TimerSetting>;
}
