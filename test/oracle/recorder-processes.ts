/** The recorder's calls about signals, processes and credentials. Pids are written `{pid:N}`: the trace numbers them. */
import type { CredentialSyscalls, ProcessSyscalls, Rlimit, WaitResult } from '../../src/api/posix/process-syscalls.ts';
import type { IntervalTimerValue, Sigaction, Sigevent, SignalInformation, SignalSyscalls } from '../../src/api/posix/signal-syscalls.ts';
import {
  WEXITSTATUS, WIFCONTINUED, WIFEXITED, WIFSIGNALED, WSTOPSIG, WTERMSIG,
} from '../../src/kernel/wait-status.ts';
import * as names from './names.ts';
import { SI } from './numbers.ts';
import { type Described, okText, plain, RecorderCore } from './recorder-core.ts';

export abstract class ProcessRecorder extends RecorderCore implements SignalSyscalls, ProcessSyscalls, CredentialSyscalls {
  sigaction(signo: number, action: Sigaction | null): Promise<Required<Sigaction>> {
    const text = `${names.signalName(signo)}, ${action === null ? 'null' : actionText(action)}`;
    return this.record('sigaction', text, '', this.inner.sigaction(signo, action), (old) => plain(actionText(old)));
  }

  sigprocmask(how: number, set: Iterable<number> | null): Promise<number[]> {
    const text = `${names.maskHow(how)}, ${set === null ? 'null' : names.signalSet(set)}`;
    return this.record('sigprocmask', text, names.maskHow(how), this.inner.sigprocmask(how, set), setText);
  }

  sigpending(): Promise<number[]> {
    return this.record('sigpending', '', '', this.inner.sigpending(), setText);
  }

  sigsuspend(mask: Iterable<number>): Promise<void> {
    return this.record('sigsuspend', names.signalSet(mask), '', this.inner.sigsuspend(mask), okText);
  }

  pause(): Promise<void> {
    return this.record('pause', '', '', this.inner.pause(), okText);
  }

  sigtimedwait(set: Iterable<number>, timeoutUs: number): Promise<SignalInformation> {
    const text = `${names.signalSet(set)}, ${timeoutUs}`;
    return this.record('sigtimedwait', text, '', this.inner.sigtimedwait(set, timeoutUs), (info) => plain(informationText(info)));
  }

  sigwaitinfo(set: Iterable<number>): Promise<SignalInformation> {
    const text = names.signalSet(set);
    return this.record('sigwaitinfo', text, '', this.inner.sigwaitinfo(set), (info) => plain(informationText(info)));
  }

  kill(pid: number, signo: number): Promise<void> {
    const signal = names.signalName(signo);
    return this.record('kill', `${pidText(pid)}, ${signal}`, signal, this.inner.kill(pid, signo), okText);
  }

  sigqueue(pid: number, signo: number, value: number): Promise<void> {
    const text = `${pidText(pid)}, ${names.signalName(signo)}, ${value}`;
    return this.record('sigqueue', text, '', this.inner.sigqueue(pid, signo, value), okText);
  }

  alarm(seconds: number): Promise<number> {
    return this.record('alarm', String(seconds), '', this.inner.alarm(seconds), remainingText);
  }

  setitimer(which: number, value: IntervalTimerValue): Promise<IntervalTimerValue> {
    const text = `${which}, ${value.valueUs} every ${value.intervalUs}`;
    return this.record('setitimer', text, '', this.inner.setitimer(which, value), timerText);
  }

  getitimer(which: number): Promise<IntervalTimerValue> {
    return this.record('getitimer', String(which), '', this.inner.getitimer(which), timerText);
  }

  timer_create(clock: number, event: Sigevent | null): Promise<number> {
    const shown = event === null ? 'null' : `${event.notify} ${names.signalName(event.signo)} ${event.value}`;
    return this.record('timer_create', `${clock}, ${shown}`, String(clock), this.inner.timer_create(clock, event), numberText);
  }

  timer_settime(timer: number, flags: number, setting: IntervalTimerValue): Promise<IntervalTimerValue> {
    const text = `${timer}, ${flags}, ${flags === 0 ? setting.valueUs : 'a time'} every ${setting.intervalUs}`;
    return this.record('timer_settime', text, String(flags), this.inner.timer_settime(timer, flags, setting), timerText);
  }

  timer_gettime(timer: number): Promise<IntervalTimerValue> {
    return this.record('timer_gettime', String(timer), '', this.inner.timer_gettime(timer), timerText);
  }

  timer_getoverrun(timer: number): Promise<number> {
    return this.record('timer_getoverrun', String(timer), '', this.inner.timer_getoverrun(timer), numberText);
  }

  timer_delete(timer: number): Promise<void> {
    return this.record('timer_delete', String(timer), '', this.inner.timer_delete(timer), okText);
  }

  sleep(us: number): Promise<void> {
    return this.record('sleep', String(us), '', this.inner.sleep(us), okText);
  }

  waitpid(pid: number, options = 0): Promise<WaitResult> {
    const flags = names.waitFlags(options);
    return this.record('waitpid', `${pidText(pid)}, ${flags}`, flags === '0' ? '' : flags, this.inner.waitpid(pid, options), waitText);
  }

  waitid(kind: number, id: number, options: number): Promise<SignalInformation> {
    const what = ['P_ALL', 'P_PID', 'P_PGID', 'P_PIDFD'][kind] ?? String(kind);
    const flags = names.waitFlags(options);
    const text = `${what}, ${kind === 3 ? id : pidText(id)}, ${flags}`;
    return this.record('waitid', text, `${what} ${flags}`, this.inner.waitid(kind, id, options), (info) => plain(informationText(info)));
  }

  getpid(): Promise<number> {
    return this.record('getpid', '', '', this.inner.getpid(), pidDescribed);
  }

  getppid(): Promise<number> {
    return this.record('getppid', '', '', this.inner.getppid(), pidDescribed);
  }

  getpgid(pid: number): Promise<number> {
    return this.record('getpgid', pidText(pid), '', this.inner.getpgid(pid), pidDescribed);
  }

  setpgid(pid: number, pgid: number): Promise<void> {
    return this.record('setpgid', `${pidText(pid)}, ${pidText(pgid)}`, '', this.inner.setpgid(pid, pgid), okText);
  }

  getsid(pid: number): Promise<number> {
    return this.record('getsid', pidText(pid), '', this.inner.getsid(pid), pidDescribed);
  }

  setsid(): Promise<number> {
    return this.record('setsid', '', '', this.inner.setsid(), pidDescribed);
  }

  getrlimit(resource: number): Promise<Rlimit> {
    const name = names.resourceName(resource);
    return this.record('getrlimit', name, name, this.inner.getrlimit(resource), ({ soft, hard }) => plain(`${soft} of ${hard}`));
  }

  setrlimit(resource: number, limit: Rlimit): Promise<void> {
    const name = names.resourceName(resource);
    return this.record('setrlimit', `${name}, ${limit.soft} of ${limit.hard}`, name, this.inner.setrlimit(resource, limit), okText);
  }

  getuid(): Promise<number> {
    return this.record('getuid', '', '', this.inner.getuid(), numberText);
  }

  geteuid(): Promise<number> {
    return this.record('geteuid', '', '', this.inner.geteuid(), numberText);
  }

  getgid(): Promise<number> {
    return this.record('getgid', '', '', this.inner.getgid(), numberText);
  }

  getegid(): Promise<number> {
    return this.record('getegid', '', '', this.inner.getegid(), numberText);
  }

  getresuid(): Promise<[number, number, number]> {
    return this.record('getresuid', '', '', this.inner.getresuid(), (ids) => plain(ids.join(' ')));
  }

  getresgid(): Promise<[number, number, number]> {
    return this.record('getresgid', '', '', this.inner.getresgid(), (ids) => plain(ids.join(' ')));
  }

  setuid(uid: number): Promise<void> {
    return this.record('setuid', String(uid), '', this.inner.setuid(uid), okText);
  }

  setgid(gid: number): Promise<void> {
    return this.record('setgid', String(gid), '', this.inner.setgid(gid), okText);
  }

  seteuid(euid: number): Promise<void> {
    return this.record('seteuid', String(euid), '', this.inner.seteuid(euid), okText);
  }

  setegid(egid: number): Promise<void> {
    return this.record('setegid', String(egid), '', this.inner.setegid(egid), okText);
  }

  setreuid(ruid: number, euid: number): Promise<void> {
    return this.record('setreuid', `${ruid}, ${euid}`, '', this.inner.setreuid(ruid, euid), okText);
  }

  setregid(rgid: number, egid: number): Promise<void> {
    return this.record('setregid', `${rgid}, ${egid}`, '', this.inner.setregid(rgid, egid), okText);
  }

  setresuid(ruid: number, euid: number, suid: number): Promise<void> {
    return this.record('setresuid', `${ruid}, ${euid}, ${suid}`, '', this.inner.setresuid(ruid, euid, suid), okText);
  }

  setresgid(rgid: number, egid: number, sgid: number): Promise<void> {
    return this.record('setresgid', `${rgid}, ${egid}, ${sgid}`, '', this.inner.setresgid(rgid, egid, sgid), okText);
  }

  getgroups(): Promise<number[]> {
    return this.record('getgroups', '', '', this.inner.getgroups(), (groups) => plain(`[${groups.join(' ')}]`));
  }

  setgroups(groups: readonly number[]): Promise<void> {
    return this.record('setgroups', `[${groups.join(' ')}]`, '', this.inner.setgroups(groups), okText);
  }
}

/** A pid or a group; those of the machine's first processes, 0 and -1 mean the same everywhere. */
export function pidText(pid: number): string {
  if (Math.abs(pid) <= 1) return String(pid);
  return pid < 0 ? `-{pid:${-pid}}` : `{pid:${pid}}`;
}

function pidDescribed(pid: number): Described {
  return { text: pidText(pid), kind: 'pid', delivers: false };
}

function numberText(value: number): Described {
  return plain(String(value));
}

/** Of a time that lies hours ahead, the hundreds: a program takes seconds, and no two sides the same. */
function remainingText(seconds: number): Described {
  return plain(seconds < 1000 ? String(seconds) : `about ${Math.round(seconds / 100) * 100}`);
}

function setText(set: readonly number[]): Described {
  return plain(names.signalSet(set));
}

function timerText({ valueUs, intervalUs }: IntervalTimerValue): Described {
  // How much of it is left depends on the clock; that it runs does not.
  return plain(`${valueUs === 0 ? 'off' : 'running'} every ${intervalUs}`);
}

function actionText({ handler, flags = 0, mask = [] }: Sigaction): string {
  const what = handler === 0 ? 'SIG_DFL' : handler === 1 ? 'SIG_IGN' : 'handler';
  return `${what} ${names.actionFlags(flags)} ${names.signalSet(mask)}`;
}

/** What is known of a signal, as text. */
export function informationText({ signo, code, pid, uid, status, value, timer, overrun }: SignalInformation): string {
  if (code === SI.TIMER) return `${names.signalName(signo)} of timer ${timer}, ${overrun} more, value ${value}`;
  return `${names.signalName(signo)} code ${code} pid ${pidText(pid)} uid ${uid} status ${status} value ${value}`;
}

function waitText({ pid, status }: WaitResult): Described {
  const what = pid === 0 ? 'nothing' : statusText(status);
  return { text: `${pidText(pid)} ${what}`, kind: what, delivers: false };
}

function statusText(status: number): string {
  if (WIFCONTINUED(status)) return 'continued';
  if (WIFEXITED(status)) return `exited ${WEXITSTATUS(status)}`;
  if (WIFSIGNALED(status)) return `killed ${names.signalName(WTERMSIG(status))} (${status})`;
  return `stopped ${names.signalName(WSTOPSIG(status))} (${status})`;
}
