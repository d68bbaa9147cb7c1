/** Calls that wait for many things: select, epoll, and descriptors that exist to be waited for. */
import * as events from '../../kernel/calls/events.ts';
import * as waiting from '../../kernel/calls/waiting.ts';
import { type EpollEvent, EpollWaitOperation } from '../../kernel/epoll.ts';
import { PENDING } from '../../kernel/operation.ts';
import { type DescriptorSet, SelectOperation } from '../../kernel/select.ts';
import type { TimerSetting } from '../../kernel/timerfd.ts';
import { isForeignBytes, notBytes } from './arguments.ts';
import { Call, FAILED } from './call.ts';
import { systemError } from './errors.ts';
import type { EventSyscalls } from './event-syscalls.ts';
import { FileCalls } from './file-calls.ts';

export abstract class EventCalls extends FileCalls implements EventSyscalls {
  /** select(2): resolves to how many bits are set, and leaves in the sets what is ready. */
  select(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
  ): Promise<number> {
    for (const set of [read, write, except]) {
      if (set !== null && !(set instanceof Uint8Array) && !isForeignBytes(set)) return Promise.reject(notBytes('select', 'a set', set));
    }
    const operation = new SelectOperation(this.core);
    const bad = waiting.prepareSelect(this.core, operation, count, [read, write, except], timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): number | typeof FAILED => {
        const fault = operation.result < 0 ? operation.result : operation.fill();
        if (fault < 0) operation.result = fault;
        return fault < 0 ? FAILED : operation.result;
      };
      return new Call<SelectOperation, number>(operation, finish).pending('select');
    }
    const unfilled = result < 0 ? result : operation.fill();
    return this.value(unfilled < 0 ? unfilled : result, 'select');
  }

  /** epoll_create1(2): resolves to a descriptor. */
  epoll_create1(flags: number): Promise<number> {
    return this.value(events.epollCreate(this.core, flags), 'epoll_create1');
  }

  /** epoll_ctl(2): EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL. */
  epoll_ctl(epfd: number, operation: number, fd: number, wanted = 0, data = 0): Promise<void> {
    return this.done(events.epollControl(this.core, epfd, operation, fd, wanted, data), 'epoll_ctl');
  }

  /** epoll_wait(2): resolves to at most `most` events, none after the timeout in ms (-1: for ever). */
  epoll_wait(epfd: number, most: number, timeoutMs: number): Promise<EpollEvent[]> {
    const operation = new EpollWaitOperation(this.core);
    const bad = events.prepareEpollWait(this.core, operation, epfd, most, timeoutMs);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): EpollEvent[] | typeof FAILED => (operation.result < 0 ? FAILED : operation.found);
      return new Call<EpollWaitOperation, EpollEvent[]>(operation, finish).pending('epoll_wait');
    }
    return this.outcome<EpollEvent[]>(result < 0 ? systemError(result, 'epoll_wait') : operation.found);
  }

  /** eventfd(2): a counter as a descriptor. */
  eventfd(initial: number, flags: number): Promise<number> {
    return this.value(events.eventfd(this.core, initial, flags), 'eventfd2');
  }

  /** timerfd_create(2): a timer as a descriptor. */
  timerfd_create(clock: number, flags: number): Promise<number> {
    return this.value(events.timerfdCreate(this.core, clock, flags), 'timerfd_create');
  }

  /** timerfd_settime(2), times in microseconds; resolves to the setting before. */
  timerfd_settime(fd: number, flags: number, setting: TimerSetting): Promise<TimerSetting> {
    return this.made(events.timerfdSet(this.core, fd, flags, setting), 'timerfd_settime');
  }

  /** timerfd_gettime(2). */
  timerfd_gettime(fd: number): Promise<TimerSetting> {
    return this.made(events.timerfdGet(this.core, fd), 'timerfd_gettime');
  }
}
