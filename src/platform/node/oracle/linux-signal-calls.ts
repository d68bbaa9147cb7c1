/**
 * Signals of a process on the Linux side. Handlers stay here: the agent's handler writes down what it caught, and tells it
 * before its next answer; then they are called, in the order in which the agent's handler ran.
 */
import type {
  IntervalTimerValue, Sigaction, Sigevent, SignalDisposition, SignalInformation, SignalSyscalls,
} from '../../../api/posix/signal-syscalls.ts';
import { AgentCalls, bufferOf } from './agent-calls.ts';
import type { AgentConnection } from './agent-connection.ts';

const SA_SIGINFO = 4;
const SA_RESTORER = 0x04000000;
const SIGSET_BYTES = 8;
export const SIGINFO_BYTES = 128;
const SIGCHLD = 17;
const SI_QUEUE = -1;
const SI_TIMER = -2;
const SI_MESGQ = -3;
const SIGEVENT_BYTES = 64;

export abstract class LinuxSignalCalls extends AgentCalls implements SignalSyscalls {
  private readonly handlers = new Map<number, { handler: SignalDisposition; flags: number }>();

  constructor(agent: AgentConnection) {
    super(agent);
    agent.onCaught = (record) => this.caught(record);
  }

  private caught(record: Uint8Array): void {
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    const at = (i: number): number => view.getInt32(i * 4, true);
    const isTimers = at(1) === SI_TIMER;
    // A timer's number and overrun are where others have pid and uid.
    const info = {
      signo: at(0), code: at(1), pid: isTimers ? 0 : at(2), uid: isTimers ? 0 : at(3), status: at(4), value: at(5), band: at(6), fd: at(7),
      timer: isTimers ? at(2) : 0, overrun: isTimers ? at(3) : 0,
    };
    const known = this.handlers.get(info.signo);
    if (typeof known?.handler === 'function') void known.handler(info.signo, info);
  }

  async sigaction(signo: number, action: Sigaction | null): Promise<Required<Sigaction>> {
    const { handler, flags = 0, mask = [] } = action ?? { handler: -1 };
    const kind = typeof handler === 'function' ? 2 : handler;
    const answer = await this.call('sigaction', signo, kind, flags | 0, 0, [setBytes(mask)]);
    const view = new DataView(bufferOf(answer, 0).buffer);
    const known = this.handlers.get(signo);
    // The agent's handler wants SA_SIGINFO, whether the program's does or not.
    const added = SA_RESTORER | (known !== undefined && (known.flags & SA_SIGINFO) === 0 ? SA_SIGINFO : 0);
    const old = {
      handler: answer.extra === 2 && known !== undefined ? known.handler : (answer.extra as 0 | 1),
      flags: (view.getInt32(0, true) & ~added) >>> 0,
      mask: setOf(bufferOf(answer, 0).subarray(4)),
    };
    if (typeof handler === 'function') this.handlers.set(signo, { handler, flags });
    return old;
  }

  async sigprocmask(how: number, set: Iterable<number> | null): Promise<number[]> {
    const old = new Uint8Array(SIGSET_BYTES);
    await this.callNamed('sigprocmask', 'rt_sigprocmask', how, set === null ? null : setBytes(set), old, SIGSET_BYTES);
    return setOf(old);
  }

  async sigpending(): Promise<number[]> {
    const set = new Uint8Array(SIGSET_BYTES);
    await this.callNamed('sigpending', 'rt_sigpending', set, SIGSET_BYTES);
    return setOf(set);
  }

  async sigsuspend(mask: Iterable<number>): Promise<void> {
    await this.callNamed('sigsuspend', 'rt_sigsuspend', setBytes(mask), SIGSET_BYTES);
  }

  async pause(): Promise<void> {
    await this.syscall('pause');
  }

  sigtimedwait(set: Iterable<number>, timeoutUs: number): Promise<SignalInformation> {
    return this.taken('sigtimedwait', set, timeoutUs);
  }

  sigwaitinfo(set: Iterable<number>): Promise<SignalInformation> {
    return this.taken('sigwaitinfo', set, Infinity);
  }

  private async taken(name: string, set: Iterable<number>, timeoutUs: number): Promise<SignalInformation> {
    const bytes = new Uint8Array(SIGINFO_BYTES);
    const time = timeoutUs === Infinity ? null : timespec(timeoutUs);
    const signo = await this.callNamed(name, 'rt_sigtimedwait', setBytes(set), bytes, time, SIGSET_BYTES);
    const view = new DataView(bytes.buffer);
    return { ...readInfo(view), signo };
  }

  async kill(pid: number, signo: number): Promise<void> {
    await this.syscall('kill', pid, signo);
  }

  async sigqueue(pid: number, signo: number, value: number): Promise<void> {
    // As glibc's sigqueue fills in its siginfo_t.
    const info = new Uint8Array(SIGINFO_BYTES);
    const view = new DataView(info.buffer);
    view.setInt32(0, signo, true);
    view.setInt32(8, SI_QUEUE, true);
    view.setInt32(16, this.pid, true);
    view.setInt32(20, await this.syscall('getuid'), true);
    view.setInt32(24, value, true);
    await this.callNamed('sigqueue', 'rt_sigqueueinfo', pid, signo, info);
  }

  alarm(seconds: number): Promise<number> {
    return this.syscall('alarm', seconds);
  }

  async setitimer(which: number, value: IntervalTimerValue): Promise<IntervalTimerValue> {
    const bytes = new Uint8Array(32);
    bytes.set(timeval(value.intervalUs), 0);
    bytes.set(timeval(value.valueUs), 16);
    const old = new Uint8Array(32);
    await this.syscall('setitimer', which, bytes, old);
    return timerValue(old);
  }

  async getitimer(which: number): Promise<IntervalTimerValue> {
    const bytes = new Uint8Array(32);
    await this.syscall('getitimer', which, bytes);
    return timerValue(bytes);
  }

  async timer_create(clock: number, event: Sigevent | null): Promise<number> {
    const id = new Int32Array(1);
    await this.syscall('timer_create', clock, event === null ? null : eventBytes(event), new Uint8Array(id.buffer));
    return id[0] as number;
  }

  async timer_settime(timer: number, flags: number, { valueUs, intervalUs }: IntervalTimerValue): Promise<IntervalTimerValue> {
    const bytes = new Uint8Array(32);
    bytes.set(timespec(intervalUs), 0);
    bytes.set(timespec(valueUs), 16);
    const old = new Uint8Array(32);
    await this.syscall('timer_settime', timer, flags, bytes, old);
    return timerSpec(old);
  }

  async timer_gettime(timer: number): Promise<IntervalTimerValue> {
    const bytes = new Uint8Array(32);
    await this.syscall('timer_gettime', timer, bytes);
    return timerSpec(bytes);
  }

  timer_getoverrun(timer: number): Promise<number> {
    return this.syscall('timer_getoverrun', timer);
  }

  async timer_delete(timer: number): Promise<void> {
    await this.syscall('timer_delete', timer);
  }

  async sleep(us: number): Promise<void> {
    await this.syscall('nanosleep', timespec(us), null);
  }
}

/** siginfo_t of x86-64. */
export function readInfo(view: DataView): SignalInformation {
  const int = (at: number): number => view.getInt32(at, true);
  const [signo, code] = [int(0), int(8)];
  const isTimers = code === SI_TIMER;
  return {
    signo, code, pid: isTimers ? 0 : int(16), uid: isTimers ? 0 : int(20), status: signo === SIGCHLD ? int(24) : 0,
    value: code === SI_QUEUE || code === SI_MESGQ || isTimers ? int(24) : 0, band: 0, fd: 0,
    timer: isTimers ? int(16) : 0, overrun: isTimers ? int(20) : 0,
  };
}

export function setBytes(signals: Iterable<number>): Uint8Array {
  const bytes = new Uint8Array(SIGSET_BYTES);
  for (const signo of signals) bytes[(signo - 1) >> 3] = (bytes[(signo - 1) >> 3] as number) | (1 << ((signo - 1) & 7));
  return bytes;
}

function setOf(bytes: Uint8Array): number[] {
  const signals: number[] = [];
  for (let signo = 1; signo <= 64; signo++) {
    if ((((bytes[(signo - 1) >> 3] as number) >> ((signo - 1) & 7)) & 1) !== 0) signals.push(signo);
  }
  return signals;
}

function pair(first: number, second: number): Uint8Array {
  return new Uint8Array(BigInt64Array.from([BigInt(first), BigInt(second)]).buffer);
}

export function timespec(us: number): Uint8Array {
  const seconds = Math.floor(us / 1e6);
  return pair(seconds, Math.round((us - seconds * 1e6) * 1000));
}

function timeval(us: number): Uint8Array {
  const seconds = Math.floor(us / 1e6);
  return pair(seconds, us - seconds * 1e6);
}

function timerValue(bytes: Uint8Array): IntervalTimerValue {
  const words = new BigInt64Array(bytes.buffer);
  const us = (at: number): number => Number(words[at]) * 1e6 + Number(words[at + 1]);
  return { intervalUs: us(0), valueUs: us(2) };
}

function timerSpec(bytes: Uint8Array): IntervalTimerValue {
  const words = new BigInt64Array(bytes.buffer);
  const us = (at: number): number => Number(words[at]) * 1e6 + Math.ceil(Number(words[at + 1]) / 1000);
  return { intervalUs: us(0), valueUs: us(2) };
}

/** struct sigevent. */
export function eventBytes({ notify, signo, value }: Sigevent): Uint8Array {
  const bytes = new Uint8Array(SIGEVENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, value, true);
  view.setInt32(8, signo, true);
  view.setInt32(12, notify, true);
  return bytes;
}
