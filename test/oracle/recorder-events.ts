/** The recorder's select, epoll, eventfd and timerfd. */
import type { DescriptorSet, EpollEvent, TimerSetting } from '../../src/api/posix/event-syscalls.ts';
import type { IpcSyscalls } from '../../src/api/posix/ipc-syscalls.ts';
import type { SpliceSyscalls } from '../../src/api/posix/splice-syscalls.ts';
import type { PollRequest, Syscalls } from '../../src/api/posix/syscalls.ts';
import { EPOLL, EPOLL_CTL } from '../../src/kernel/epoll.ts';
import * as names from './names.ts';
import { fdText } from './recorder.ts';
import { type Described, okText } from './recorder-core.ts';
import { FileRecorder } from './recorder-files.ts';

export class EventRecorder extends FileRecorder implements Omit<Syscalls, keyof IpcSyscalls | keyof SpliceSyscalls> {
  select(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
  ): Promise<number> {
    const sets = [read, write, except];
    const entry = this.named('select', `${count}, ${sets.map(setText).join(' ')}, ${timeoutUs}`);
    return this.run(entry, this.inner.select(count, read, write, except, timeoutUs), (ready) => {
      const text = `${ready} ${sets.map(setText).join(' ')}`;
      return { text, kind: String(ready), delivers: false };
    });
  }

  pselect(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
    mask: Iterable<number> | null,
  ): Promise<number> {
    const sets = [read, write, except];
    const entry = this.named('pselect', `${count}, ${sets.map(setText).join(' ')}, ${timeoutUs}, ${maskText(mask)}`);
    return this.run(entry, this.inner.pselect(count, read, write, except, timeoutUs, mask), (ready) => {
      const text = `${ready} ${sets.map(setText).join(' ')}`;
      return { text, kind: String(ready), delivers: false };
    });
  }

  ppoll(fds: PollRequest[], timeoutUs: number, mask: Iterable<number> | null): Promise<number> {
    const asked = fds.map(({ fd, events }) => `${fd}:${names.pollEvents(events)}`).join(' ');
    const entry = this.named('ppoll', `[${asked}], ${timeoutUs}, ${maskText(mask)}`);
    return this.run(entry, this.inner.ppoll(fds, timeoutUs, mask), (count) => {
      const text = `${count} [${fds.map(({ revents = 0 }) => names.pollEvents(revents)).join(' ')}]`;
      return { text, kind: text, delivers: false };
    });
  }

  epoll_pwait(epfd: number, most: number, timeoutMs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    const entry = this.add('epoll_pwait', epfd, `${most}, ${timeoutMs}, ${maskText(mask)}`);
    return this.run(entry, this.inner.epoll_pwait(epfd, most, timeoutMs, mask), foundText);
  }

  epoll_pwait2(epfd: number, most: number, timeoutUs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    const entry = this.add('epoll_pwait2', epfd, `${most}, ${timeoutUs}, ${maskText(mask)}`);
    return this.run(entry, this.inner.epoll_pwait2(epfd, most, timeoutUs, mask), foundText);
  }

  signalfd(fd: number, set: Iterable<number>, flags: number): Promise<number> {
    const entry = this.add('signalfd', fd, `${names.signalSet(set)}, ${names.openFlags(flags)}`, names.openFlags(flags));
    return this.made('signalfd', entry, this.inner.signalfd(fd, set, flags));
  }

  epoll_create1(flags: number): Promise<number> {
    return this.made('epoll', this.named('epoll_create1', names.openFlags(flags)), this.inner.epoll_create1(flags));
  }

  epoll_ctl(epfd: number, operation: number, fd: number, events = 0, data = 0): Promise<void> {
    const what = Object.entries(EPOLL_CTL).find(([, number]) => number === operation)?.[0] ?? String(operation);
    const entry = this.add('epoll_ctl', fd, `in ${epfd}, ${what}, ${eventsText(events)}, ${data}`, what);
    return this.run(entry, this.inner.epoll_ctl(epfd, operation, fd, events, data), okText);
  }

  epoll_wait(epfd: number, most: number, timeoutMs: number): Promise<EpollEvent[]> {
    return this.run(this.add('epoll_wait', epfd, `${most}, ${timeoutMs}`), this.inner.epoll_wait(epfd, most, timeoutMs), foundText);
  }

  eventfd(initial: number, flags: number): Promise<number> {
    return this.made('eventfd', this.named('eventfd', `${initial}, ${flags}`, String(flags)), this.inner.eventfd(initial, flags));
  }

  timerfd_create(clock: number, flags: number): Promise<number> {
    const entry = this.named('timerfd_create', `${clock}, ${flags}`, `${clock}`);
    return this.made('timerfd', entry, this.inner.timerfd_create(clock, flags));
  }

  timerfd_settime(fd: number, flags: number, setting: TimerSetting): Promise<TimerSetting> {
    const entry = this.add('timerfd_settime', fd, `${flags}, ${setting.valueUs}, ${setting.intervalUs}`, String(flags));
    return this.run(entry, this.inner.timerfd_settime(fd, flags, setting), timerText);
  }

  timerfd_gettime(fd: number): Promise<TimerSetting> {
    return this.run(this.add('timerfd_gettime', fd), this.inner.timerfd_gettime(fd), timerText);
  }

  private async made(family: string, entry: Parameters<EventRecorder['run']>[0], call: Promise<number>): Promise<number> {
    const fd = await this.run(entry, call, fdText);
    this.families.set(fd, family);
    return fd;
  }
}

function setText(set: DescriptorSet | null): string {
  if (set === null) return '-';
  const fds = [];
  for (let fd = 0; fd < set.length * 8; fd++) if (((set[fd >> 3] as number) & (1 << (fd & 7))) !== 0) fds.push(fd);
  return `{${fds.join(',')}}`;
}

/** Which comes first is nobody's promise. That all get their turn shows where `most` is less than there are. */
function foundText(found: EpollEvent[]): Described {
  const sorted = [...found].sort((a, b) => a.data - b.data);
  const text = `[${sorted.map(({ events, data }) => `${data}:${eventsText(events)}`).join(' ')}]`;
  return { text, kind: sorted.map(({ events }) => eventsText(events)).join(' ') || 'none', delivers: false };
}

function maskText(mask: Iterable<number> | null): string {
  return mask === null ? 'no mask' : names.signalSet(mask);
}

function eventsText(events: number): string {
  const own = Object.entries(EPOLL).filter(([, bit]) => (events & bit) !== 0).map(([name]) => name);
  const rest = names.pollEvents(events & 0xffffff);
  return [...(rest === '0' && own.length > 0 ? [] : [rest]), ...own].join('|');
}

/** Times go by at each side's own pace: only whether there is one is compared, and what was set. */
function timerText({ valueUs, intervalUs }: TimerSetting): Described {
  const text = `${valueUs > 0 ? 'armed' : 'not armed'} every ${intervalUs}`;
  return { text, kind: valueUs > 0 ? 'armed' : 'not armed', delivers: false };
}
