/** select, epoll, eventfd and timerfd: the part of `Syscalls` that waits for many things. */
import type { EpollEvent } from '../../kernel/epoll.ts';
import type { DescriptorSet } from '../../kernel/select.ts';
import type { TimerSetting } from '../../kernel/timerfd.ts';

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
  /** eventfd(2): `flags` EFD_SEMAPHORE, O_NONBLOCK, O_CLOEXEC. Errors: EINVAL, EMFILE. */
  eventfd(initial: number, flags: number): Promise<number>;
  /** timerfd_create(2): `clock` CLOCK_MONOTONIC or CLOCK_REALTIME; `flags` O_NONBLOCK, O_CLOEXEC. Errors: EINVAL, EMFILE. */
  timerfd_create(clock: number, flags: number): Promise<number>;
  /** timerfd_settime(2), times in microseconds; resolves to the setting before. Errors: EBADF, EINVAL. */
  timerfd_settime(fd: number, flags: number, setting: TimerSetting): Promise<TimerSetting>;
  /** timerfd_gettime(2). Errors: EBADF, EINVAL. */
  timerfd_gettime(fd: number): Promise<TimerSetting>;
}
