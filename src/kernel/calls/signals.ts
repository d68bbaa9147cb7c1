/** System calls about signals. Signals and sets of them are numbers and `SignalSet`s here; the faces make them of arrays. */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { toInt, toUnsigned } from '../int.ts';
import type { KernelProcess } from '../process.ts';
import { groupMembers } from '../process-groups.ts';
import { SignalInfo } from '../signal-info.ts';
import { isSignal, MaskHow, Signal, SignalCode } from '../signal-numbers.ts';
import type { SuspendOperation } from '../signal-operations.ts';
import { SignalSet } from '../signal-set.ts';
import type { SignalAction } from '../signals.ts';
import { timerTime, timevalUs, waitUs } from '../times.ts';
import { end } from './edges.ts';

/** sigaction(2): what the action was, or a negative errno. */
export function sigaction(process: KernelProcess, signo: number, action: SignalAction | null): SignalAction | number {
  if (process.exited) return -Errno.ESRCH;
  if (!isSignal(signo)) return -Errno.EINVAL;
  if (action !== null && SignalSet.unblockable.has(signo)) return -Errno.EINVAL;
  const old = process.signals.action(signo);
  if (action !== null) process.signals.setAction(signo, action);
  return old;
}

/** sigprocmask(2): what the mask was, or a negative errno. */
export function sigprocmask(process: KernelProcess, how: number, set: SignalSet | null): SignalSet | number {
  if (process.exited) return -Errno.ESRCH;
  const { signals } = process;
  const old = signals.blocked;
  if (set === null) return old;
  switch (how) {
    case MaskHow.BLOCK: signals.setBlocked(old.with(set)); break;
    case MaskHow.UNBLOCK: signals.setBlocked(old.without(set)); break;
    case MaskHow.SETMASK: signals.setBlocked(set); break;
    default: return -Errno.EINVAL;
  }
  end(process, 0);
  return old;
}

export function prepareSuspend(process: KernelProcess, operation: SuspendOperation, mask: SignalSet | null): number {
  if (process.exited) return -Errno.ESRCH;
  operation.prepare(mask);
  return 0;
}

/** sigtimedwait(2)'s time in microseconds: -EINVAL for what is none. */
export function prepareSignalWait(process: KernelProcess, timeoutUs: number): number {
  if (process.exited) return -Errno.ESRCH;
  return waitUs(timeoutUs) >= 0 ? 0 : -Errno.EINVAL;
}

/**
 * kill(2): to a process, to the caller's group (0), to a group (below -1), to everybody but init and the caller (-1).
 * Signal 0 only asks whether one could.
 */
export function kill(caller: KernelProcess, pid: number, signo: number): number {
  if (caller.exited) return -Errno.ESRCH;
  caller.kernel.loop.enter();
  const to = toInt(pid);
  if (to > 0) return end(caller, killOne(caller, to, signo, SignalInfo.from(caller, signo, SignalCode.USER)));
  if (to === -0x80000000) return -Errno.ESRCH;
  if (to === -1) return end(caller, killEveryone(caller, signo));
  return end(caller, killGroup(caller, to === 0 ? caller.pgid : -to, signo));
}

/** sigqueue(3): kill with a value, for one process. */
export function sigqueue(caller: KernelProcess, pid: number, signo: number, value: number): number {
  if (caller.exited) return -Errno.ESRCH;
  caller.kernel.loop.enter();
  const info = SignalInfo.from(caller, signo, SignalCode.QUEUE);
  info.value = toInt(value);
  return end(caller, killOne(caller, toInt(pid), signo, info));
}

function killOne(caller: KernelProcess, pid: number, signo: number, info: SignalInfo): number {
  const target = caller.kernel.find(pid);
  return target === null ? -Errno.ESRCH : killTarget(caller, target, signo, info);
}

/** Success with one member is success (__kill_pgrp_info). */
function killGroup(caller: KernelProcess, pgid: number, signo: number): number {
  let result: number = -Errno.ESRCH;
  let reached = false;
  for (const target of groupMembers(caller.kernel, pgid)) {
    const each = killTarget(caller, target, signo, SignalInfo.from(caller, signo, SignalCode.USER));
    if (each === 0) reached = true;
    else result = each;
  }
  return reached ? 0 : result;
}

/** Who may not be told is passed over in silence: EPERM is no answer of kill(-1) (kill_something_info). */
function killEveryone(caller: KernelProcess, signo: number): number {
  let result: number = -Errno.ESRCH;
  for (const target of caller.kernel.everyProcess()) {
    if (target.isInit || target === caller) continue;
    const each = killTarget(caller, target, signo, SignalInfo.from(caller, signo, SignalCode.USER));
    if (each !== -Errno.EPERM) result = each;
    else if (result === -Errno.ESRCH) result = 0;
  }
  return result;
}

function killTarget(caller: KernelProcess, target: KernelProcess, signo: number, info: SignalInfo): number {
  if (signo !== 0 && !isSignal(signo)) return -Errno.EINVAL;
  if (!mayKill(caller, target, signo)) return -Errno.EPERM;
  return signo === 0 ? 0 : target.signals.send(info, target === caller);
}

/** check_kill_permission: the same user by real or effective id, or SIGCONT within a session, or CAP_KILL. */
function mayKill(caller: KernelProcess, target: KernelProcess, signo: number): boolean {
  if (caller === target) return true;
  const { uid, euid } = caller.credentials;
  const { uid: targetUid, suid: targetSuid } = target.credentials;
  if (euid === targetSuid || euid === targetUid || uid === targetSuid || uid === targetUid) return true;
  if (caller.credentials.has(Capability.KILL)) return true;
  return signo === Signal.SIGCONT && caller.sid === target.sid;
}

/** setitimer(2) with ITIMER_REAL. */
export function setTimer(process: KernelProcess, which: number, valueUs: number, intervalUs: number): number {
  if (process.exited) return -Errno.ESRCH;
  const value = timerTime(valueUs, timevalUs), interval = timerTime(intervalUs, timevalUs);
  if (which !== ITIMER_REAL || value < 0 || interval < 0) return -Errno.EINVAL;
  process.kernel.loop.enter();
  process.alarm.set(value, interval);
  return end(process, 0);
}

/** alarm(2): the seconds that were left of the one before, rounded to the nearest, and never to none (alarm_setitimer). */
export function alarm(process: KernelProcess, seconds: number): number {
  if (process.exited) return -Errno.ESRCH;
  process.kernel.loop.enter();
  const left = process.alarm.remainingUs;
  process.alarm.set(toUnsigned(seconds) * 1000000, 0);
  const whole = Math.floor(left / 1000000);
  const rest = left - whole * 1000000;
  return end(process, (whole === 0 && rest > 0) || rest >= 500000 ? whole + 1 : whole);
}

/** setitimer(2)'s only timer here: the others count processor time, which a process of ours does not have. */
export const ITIMER_REAL = 0;

