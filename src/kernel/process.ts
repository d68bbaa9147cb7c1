/**
 * A process: its descriptors, its family, its signals, and what of it waits. Its system calls are functions over it, by
 * topic in `calls/`.
 *
 * Calls are synchronous and return a count >= 0 or a negative errno; those that may block return PENDING and settle
 * their operation later. `api/posix` wraps them in promises, `api/node` calls them as they are. Calls that may send, wake
 * somebody or set a timer drain the run loop at their end; those that only look, or change a flag or a descriptor's
 * number, have nothing for it.
 *
 *   started --exit(), a signal--> zombie (in the table, holds nothing) --its parent waits for it--> gone
 *
 * A process that the machine starts is a child of init, for which nobody waits: it is gone at once when it ends.
 */
import { Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import { Cost } from '../base/kernel-memory.ts';
import { WaitQueue } from '../base/wait-queue.ts';
import type { Caller } from '../socket/caller.ts';
import type { Description } from '../socket/description.ts';
import type { SocketNode } from '../socket/family/socket-node.ts';
import { Children } from './children.ts';
import { DescriptorTable } from './descriptors.ts';
import { FileContext } from './fs/context.ts';
import { findSocketInode, makeSocketInode } from './fs/socket-inode.ts';
import { IntervalTimer } from './interval-timer.ts';
import type { Kernel } from './kernel.ts';
import { OpenFile } from './open-file.ts';
import type { Operation } from './operation.ts';
import { PosixTimers } from './posix-timers.ts';
import { hangUpOrphans, setGroup } from './process-groups.ts';
import { chargeOfWords } from './program-words.ts';
import { Resource, ResourceLimits } from './resource-limits.ts';
import type { SignalDelivery } from './signal-delivery.ts';
import { SignalInfo } from './signal-info.ts';
import { ActionFlag, Signal, SignalCode } from './signal-numbers.ts';
import { SIG_IGN, Signals } from './signals.ts';
import type { Terminal } from './terminal.ts';
import { CHILD_CHANGED, NO_REPORT } from './wait-child.ts';
import { CONTINUED, stoppedStatus, WEXITSTATUS, WIFEXITED, WTERMSIG } from './wait-status.ts';

/** The pid of init. */
const INIT = 1;
/** So many UTF-16 units of its name a process keeps when it has ended (Linux keeps 15 bytes). */
const MOST_NAME_LEFT = 64;

export class KernelProcess implements Caller {
  readonly kernel: Kernel;
  readonly pid: number;
  /** Of one that has ended, as much as is told of it. */
  name: string;
  /** The standard streams' terminal; shared by 0, 1 and 2 and by children that inherit them. */
  readonly terminal: Terminal;
  readonly credentials: Credentials;
  /** Working directory and umask. */
  readonly files: FileContext;
  readonly descriptors: DescriptorTable;
  readonly limits: ResourceLimits = new ResourceLimits();
  readonly signals: Signals = new Signals(this);
  readonly alarm: IntervalTimer = new IntervalTimer(this);
  readonly timers: PosixTimers = new PosixTimers(this);
  /** What its program was started with: `argv` without the name, and the environment. Gone with its end. */
  args: readonly string[] = [];
  environment: Readonly<Record<string, string>> = {};
  private wordBytes = 0;
  /** Who hears of its end; null for init, and for one that has been waited for. */
  parent: KernelProcess | null;
  /** The oldest first; those that have ended and were not waited for included. */
  readonly children: Children = new Children();
  readonly childWaiters: WaitQueue = new WaitQueue();
  /** Those that wait for this process alone. */
  readonly endWaiters: WaitQueue = new WaitQueue();
  /** Its place in the order of birth, and whether its parent has it among those with something to tell (children.ts). */
  readonly birth: number;
  isTeller = false;
  /** Its group and its session (process-groups.ts). */
  pgid: number;
  sid: number;
  exited = false;
  /** May processes of the same user look into it? Not after its ids have changed (commit_creds, PR_GET_DUMPABLE). */
  isDumpable = true;
  /** When it was started, in the loop's time. */
  readonly startedUs: number;
  /** Stopped by SIGSTOP and its kin: none of its calls gets on. */
  isStopped = false;
  /** What wait(2) tells of it once it has ended. */
  status = 0;
  /** A stop or a continuation that nobody has waited for yet; -1 when there is none. */
  report = NO_REPORT;
  private firstWaiting: Operation | null = null;
  /** The one that has waited longest; how many wait under a mask of their own. */
  private longestWaiting: Operation | null = null;
  private masksWaiting = 0;
  /** How many of its calls wait. */
  waitCount = 0;
  /** What it is charged for its supplementary groups. */
  private groupBytes = 0;
  private readonly parked: SignalDelivery[] = [];

  /** `inheritFrom`: whose descriptors it has, as after fork; null for a terminal on 0, 1 and 2. */
  constructor(
    kernel: Kernel, pid: number, name: string, terminal: Terminal, parent: KernelProcess | null, inheritFrom: KernelProcess | null,
  ) {
    this.kernel = kernel;
    this.pid = pid;
    this.descriptors = new DescriptorTable(pid, kernel.memory);
    this.name = name;
    this.terminal = terminal;
    this.parent = parent;
    this.pgid = pid;
    this.sid = pid;
    this.startedUs = kernel.loop.now;
    this.credentials = inheritFrom === null ? new Credentials() : inheritFrom.credentials.clone();
    this.files = inheritFrom === null ? new FileContext(kernel.fileSystem.root) : inheritFrom.files.clone();
    this.groupBytes = this.credentials.groups.length * Cost.GROUP;
    kernel.memory.hold(this.groupBytes);
    this.birth = kernel.nextBirth();
    if (parent !== null) parent.children.add(this);
    if (inheritFrom !== null) {
      this.descriptors.inherit(inheritFrom.descriptors);
      return;
    }
    const file = new OpenFile(terminal, kernel.fileTable);
    for (let fd = 0; fd < 3; fd++) this.descriptors.install(file, false);
  }

  get isInit(): boolean {
    return this.pid === INIT;
  }

  // What sockets ask of whoever calls them (Caller).

  get maxDescriptors(): number {
    return this.descriptors.max;
  }

  hasProcess(pid: number): boolean {
    return this.kernel.find(pid) !== null;
  }

  description(fd: number): Description | null {
    return this.descriptors.file(fd);
  }

  addDescriptor(description: Description, closeOnExec: boolean): number {
    return this.descriptors.install(description as OpenFile, closeOnExec);
  }

  makeSocketNode(path: Uint8Array): SocketNode | number {
    return makeSocketInode(this, path);
  }

  findSocketNode(path: Uint8Array): SocketNode | number {
    return findSocketInode(this, path);
  }

  /** An operation of this process waits; `exit` and signals interrupt it. */
  began(operation: Operation): void {
    const first = this.firstWaiting;
    operation.nextOfProcess = first;
    operation.previousOfProcess = null;
    if (first !== null) first.previousOfProcess = operation;
    else this.longestWaiting = operation;
    this.firstWaiting = operation;
    this.waitCount++;
    if (operation.temporaryMask !== null) this.masksWaiting++;
    if (this.isStopped) operation.pause();
  }

  settled(operation: Operation): void {
    const { nextOfProcess: next, previousOfProcess: previous } = operation;
    if (previous !== null) previous.nextOfProcess = next;
    else if (this.firstWaiting === operation) this.firstWaiting = next;
    if (next !== null) next.previousOfProcess = previous;
    else if (this.longestWaiting === operation) this.longestWaiting = previous;
    this.waitCount--;
    if (operation.temporaryMask !== null) this.masksWaiting--;
    operation.nextOfProcess = null;
    operation.previousOfProcess = null;
  }

  /** What its tasks wait for, in words, the longest wait first: for stuck worlds and `ps`. */
  waitingFor(): string[] {
    const words: string[] = [];
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) {
      words.unshift(operation.constructor.name.replace(/Operation$/, '').toLowerCase());
    }
    return words;
  }

  /** The call that a signal interrupts (signals.ts says which); null when no task waits. */
  interruptible(): Operation | null {
    if (this.masksWaiting > 0) {
      for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) {
        if (operation.delivery === null && operation.temporaryMask !== null) return operation;
      }
    }
    let operation = this.longestWaiting;
    while (operation !== null && operation.delivery !== null) operation = operation.previousOfProcess;
    return operation;
  }

  /**
   * execve(2): what another program does not inherit goes. Takes over `args` and `environment`. 0, or -E2BIG, -ENOMEM, and then
   * nothing has changed.
   */
  execute(args: readonly string[], environment: Readonly<Record<string, string>>): number {
    const { memory } = this.kernel;
    const bytes = chargeOfWords(this.name, args, environment, this.limits.get(Resource.STACK).soft);
    if (bytes < 0) return bytes;
    if (!memory.take(bytes)) return -Errno.ENOMEM;
    this.wordBytes = bytes;
    this.args = args;
    this.environment = environment;
    this.descriptors.closeOnExecution();
    this.credentials.execute();
    const { uid, euid, gid, egid } = this.credentials;
    this.isDumpable = uid === euid && gid === egid;
    return 0;
  }

  /** setgroups(2): 0 or -ENOMEM. */
  changeGroups(groups: readonly number[]): number {
    const { memory } = this.kernel;
    const bytes = groups.length * Cost.GROUP;
    if (!memory.take(bytes)) return -Errno.ENOMEM;
    memory.letGo(this.groupBytes);
    this.groupBytes = bytes;
    this.credentials.groups = groups;
    return 0;
  }

  private forgetGroups(): void {
    this.kernel.memory.letGo(this.groupBytes);
    this.groupBytes = 0;
  }

  /** exit_mm: with its memory the words of its program go. */
  private forgetWords(): void {
    this.kernel.memory.letGo(this.wordBytes);
    this.wordBytes = 0;
    this.args = [];
    this.environment = {};
    // A copy: a part of a text keeps the whole.
    if (this.name.length > MOST_NAME_LEFT) this.name = Array.from(this.name.slice(0, MOST_NAME_LEFT)).join('');
  }

  /** A child that has not begun its program joins a group, 0 for one of its own: 0 or -EPERM, -EINVAL. */
  joinGroup(pgid: number): number {
    return setGroup(this, 0, pgid);
  }

  /** A child that could not be started was never there. */
  abandon(): void {
    this.exited = true;
    this.forgetGroups();
    this.descriptors.closeAll();
    this.reap();
  }

  // Stopping and going on.

  /** The default action of SIGSTOP and its kin. What waits goes on waiting, also when what it waits for is there. */
  stop(info: SignalInfo): void {
    if (this.isStopped) return;
    this.isStopped = true;
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) operation.pause();
    this.tellParent(stoppedStatus(info.signo), SignalCode.CLD_STOPPED, info.signo);
  }

  /** SIGCONT, which also tells the parent, or SIGKILL: a stopped process goes on. */
  continueAll(tells: boolean): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    for (const delivery of this.parked.splice(0)) this.kernel.loop.complete(delivery);
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) {
      // One that waits for a handler goes on after it.
      if (operation.delivery === null) operation.goOn();
    }
    if (tells) this.tellParent(CONTINUED, SignalCode.CLD_CONTINUED, Signal.SIGCONT);
  }

  /** The delivery is taken up again when the process is continued. */
  whenContinued(delivery: SignalDelivery): void {
    this.parked.push(delivery);
  }

  private tellParent(report: number, code: number, signo: number): void {
    this.report = report;
    const { parent } = this;
    if (parent === null || parent.isInit) return;
    if ((parent.signals.action(Signal.SIGCHLD).flags & ActionFlag.NOCLDSTOP) === 0) this.signalParent(parent, code, signo);
    this.wakeWaiters(parent);
  }

  private wakeWaiters(parent: KernelProcess): void {
    parent.children.tells(this);
    parent.childWaiters.wake(CHILD_CHANGED);
    this.endWaiters.wake(CHILD_CHANGED);
  }

  private signalParent(parent: KernelProcess, code: number, status: number): void {
    const info = SignalInfo.from(this, Signal.SIGCHLD, code);
    info.status = status;
    parent.signals.send(info);
  }

  /** Has wait(2) something to tell of it? */
  get hasReport(): boolean {
    return this.exited || this.report !== NO_REPORT;
  }

  /** Of one that lives: a stop, or a continuation? */
  hasReportOf(stops: boolean, continuations: boolean): boolean {
    const { report } = this;
    return report !== NO_REPORT && (report === CONTINUED ? continuations : stops);
  }

  // The end.

  /**
   * The process ends, with the status that wait(2) tells: ends what waits, closes every descriptor, leaves its children to
   * init. On Linux no code of the process runs any more; here its tasks are told: what waits is EINTR, calls on a
   * descriptor find none (EBADF), those without one have no process to be made by (ESRCH).
   */
  end(status: number): void {
    if (this.exited) return;
    this.exited = true;
    this.status = status;
    this.isStopped = false;
    const { loop, timers } = this.kernel;
    loop.enter();
    timers.disarm(this.alarm);
    this.timers.clear();
    this.kernel.ipc.processEnded(this);
    this.forgetWords();
    this.forgetGroups();
    this.files.release();
    this.signals.clear();
    for (const delivery of this.parked.splice(0)) loop.complete(delivery);
    while (this.firstWaiting !== null) {
      // Nobody waits for a handler of a process that has ended.
      this.firstWaiting.delivery = null;
      this.firstWaiting.interrupt();
    }
    this.descriptors.closeAll();
    this.leaveFamily();
    loop.drain();
  }

  /** exit_notify: children go to init, the parent hears of the end unless it does not want to. */
  private leaveFamily(): void {
    hangUpOrphans(this);
    const { init } = this.kernel;
    const orphans = [...this.children];
    this.children.clear();
    for (const child of orphans) {
      child.parent = init;
      if (init !== this) init.children.add(child);
      if (child.exited) child.reap();
    }
    const { parent, status } = this;
    if (parent === null || parent.isInit || parent.exited) {
      this.endWaiters.wake(CHILD_CHANGED);
      this.reap();
      return;
    }
    const action = parent.signals.action(Signal.SIGCHLD);
    const isUnwanted = action.handler === SIG_IGN || (action.flags & ActionFlag.NOCLDWAIT) !== 0;
    if (isUnwanted) this.reap();
    if (action.handler !== SIG_IGN) {
      if (WIFEXITED(status)) this.signalParent(parent, SignalCode.CLD_EXITED, WEXITSTATUS(status));
      else this.signalParent(parent, SignalCode.CLD_KILLED, WTERMSIG(status));
    }
    this.wakeWaiters(parent);
  }

  /** It has ended and nobody has to hear of it any more: its number is free. */
  reap(): void {
    const { parent } = this;
    this.parent = null;
    if (parent !== null) parent.children.delete(this);
    this.kernel.forget(this);
  }
}
