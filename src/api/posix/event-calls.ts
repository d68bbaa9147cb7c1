/**
 * Calls that wait for many things: select, epoll, and descriptors that exist to be waited for. Where nothing stands over a
 * call, event-syscalls.ts says what it does and its errors.
 */
import * as events from '../../kernel/calls/events.ts';
import * as waiting from '../../kernel/calls/waiting.ts';
import { type EpollEvent, EpollWaitOperation } from '../../kernel/epoll.ts';
import { PENDING } from '../../kernel/operation.ts';
import { pollTimeoutUs } from '../../kernel/int.ts';
import { type DescriptorSet, SelectOperation } from '../../kernel/select.ts';
import { SignalSet } from '../../kernel/signal-set.ts';
import { waitUs, waitWholeUs } from '../../kernel/times.ts';
import type { TimerSetting } from '../../kernel/timerfd.ts';
import { Call, FAILED } from './call.ts';
import { systemError } from './errors.ts';
import type { EventSyscalls } from './event-syscalls.ts';
import { FileStateCalls } from './file-state-calls.ts';

export abstract class EventCalls extends FileStateCalls implements EventSyscalls {
  select(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
  ): Promise<number> {
    return this.selected('select', count, [read, write, except], waitWholeUs(timeoutUs), null);
  }

  /** pselect(2): select with a mask that holds while it waits; null leaves the mask as it is. EBADF, EINVAL, EINTR. */
  pselect(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
    mask: Iterable<number> | null,
  ): Promise<number> {
    return this.selected('pselect', count, [read, write, except], waitUs(timeoutUs), maskOf(mask));
  }

  private selected(
    name: string, count: number, sets: readonly (DescriptorSet | null)[], timeoutUs: number, mask: SignalSet | null,
  ): Promise<number> {
    const operation = new SelectOperation(this.core);
    const bad = waiting.prepareSelect(this.core, operation, count, sets, timeoutUs, mask);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): number | typeof FAILED => {
        const fault = operation.result < 0 ? operation.result : operation.fill();
        if (fault < 0) operation.result = fault;
        return fault < 0 ? FAILED : operation.result;
      };
      return new Call<SelectOperation, number>(operation, finish).pending(name);
    }
    const unfilled = result < 0 ? result : operation.fill();
    return this.value(unfilled < 0 ? unfilled : result, name);
  }

  epoll_create1(flags: number): Promise<number> {
    return this.value(events.epollCreate(this.core, flags), 'epoll_create1');
  }

  epoll_ctl(epfd: number, operation: number, fd: number, wanted = 0, data = 0): Promise<void> {
    return this.done(events.epollControl(this.core, epfd, operation, fd, wanted, data), 'epoll_ctl');
  }

  epoll_wait(epfd: number, most: number, timeoutMs: number): Promise<EpollEvent[]> {
    return this.events('epoll_wait', epfd, most, pollTimeoutUs(timeoutMs), null);
  }

  /** epoll_pwait(2): epoll_wait with a mask that holds while it waits. EBADF, EINVAL, EINTR. */
  epoll_pwait(epfd: number, most: number, timeoutMs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    return this.events('epoll_pwait', epfd, most, pollTimeoutUs(timeoutMs), maskOf(mask));
  }

  /** epoll_pwait2(2): epoll_pwait with the time in microseconds, Infinity for ever. EBADF, EINVAL, EINTR. */
  epoll_pwait2(epfd: number, most: number, timeoutUs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    return this.events('epoll_pwait2', epfd, most, timeoutUs, maskOf(mask));
  }

  private events(name: string, epfd: number, most: number, timeoutUs: number, mask: SignalSet | null): Promise<EpollEvent[]> {
    const operation = new EpollWaitOperation(this.core);
    const bad = events.prepareEpollWait(this.core, operation, epfd, most, timeoutUs, mask);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): EpollEvent[] | typeof FAILED => (operation.result < 0 ? FAILED : operation.found);
      return new Call<EpollWaitOperation, EpollEvent[]>(operation, finish).pending(name);
    }
    return this.outcome<EpollEvent[]>(result < 0 ? systemError(result, name) : operation.found);
  }

  /**
   * signalfd(2): a descriptor to read the signals of `set` from, which should be blocked (`readSignalfd` reads what came);
   * -1 makes one, else `fd` takes other signals from now on. EINVAL, EBADF, EMFILE.
   */
  signalfd(fd: number, set: Iterable<number>, flags: number): Promise<number> {
    return this.value(events.signalfd(this.core, fd, SignalSet.of(set), flags), 'signalfd');
  }

  eventfd(initial: number, flags: number): Promise<number> {
    return this.value(events.eventfd(this.core, initial, flags), 'eventfd2');
  }

  timerfd_create(clock: number, flags: number): Promise<number> {
    return this.value(events.timerfdCreate(this.core, clock, flags), 'timerfd_create');
  }

  timerfd_settime(fd: number, flags: number, setting: TimerSetting): Promise<TimerSetting> {
    return this.made(events.timerfdSet(this.core, fd, flags, setting), 'timerfd_settime');
  }

  timerfd_gettime(fd: number): Promise<TimerSetting> {
    return this.made(events.timerfdGet(this.core, fd), 'timerfd_gettime');
  }
}

function maskOf(mask: Iterable<number> | null): SignalSet | null {
  return mask === null ? null : SignalSet.of(mask);
}
