/**
 * One host's kernel: its processes.
 */
import { Capability } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import type { HostTimers } from '../base/host-timers.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import type { Loop } from '../base/loop.ts';
import { NetlinkHost } from '../socket/family/netlink-host.ts';
import { PacketHost } from '../socket/family/packet-host.ts';
import { UnixHost } from '../socket/family/unix-host.ts';
import type { Stack } from '../stack/stack.ts';
import { namelessLimits } from './anonymous.ts';
import { FileTable } from './file-table.ts';
import { FileSystem } from './fs/file-system.ts';
import type { FileSystemLimits } from './fs/inode.ts';
import { Ipc } from './ipc/ipc.ts';
import { PipePages } from './pipe-pages.ts';
import { ProcFileSystem } from './proc/proc.ts';
import { KernelProcess } from './process.ts';
import { Resource } from './resource-limits.ts';
import { Terminal } from './terminal.ts';
import { UserCounts } from './user-counts.ts';

/** kernel.pid_max, and the pids below which none is given out a second time. */
const MOST_PIDS = 4194304;
const RESERVED_PIDS = 300;
/** Sockets and pipes count from here on, in an order of their own (get_next_ino). */
const FIRST_INODE = 4096;

/** kernel.threads-max: how many processes there may be at once, whoever's they are; those that nobody has waited for count. */
export const MOST_PROCESSES = 32768;

export class Kernel {
  readonly stack: Stack;
  readonly fileSystem: FileSystem;
  /** What /proc shows. */
  readonly proc: ProcFileSystem;
  /** For inodes that are in no directory. */
  readonly nameless: FileSystemLimits = namelessLimits(() => this.realtimeUs);
  readonly ipc: Ipc;
  /** What its AF_UNIX sockets share. */
  readonly unix: UnixHost;
  /** And what its AF_PACKET sockets do. */
  readonly packet: PacketHost;
  readonly netlink: NetlinkHost;
  /**
   * The first process: parent of those that the machine starts and of orphans. It runs no program, has nothing open, and
   * whoever ends with it for a parent is gone at once.
   */
  readonly init: KernelProcess;
  /** What RLIMIT_SIGPENDING counts: the signals that the processes of a user have pending, and his timers. */
  readonly pendingSignals: UserCounts;
  /** What RLIMIT_MSGQUEUE counts: the bytes of the queues that a user has made. */
  readonly queueBytes: UserCounts;
  /** What fs.epoll.max_user_watches counts: the descriptors that a user's epolls watch. */
  readonly epollWatches: UserCounts;
  readonly memory: KernelMemory;
  readonly fileTable: FileTable;
  readonly pipePages: PipePages;
  /** The process whose call is being made: for what is another thing for each caller (signalfd). */
  current: KernelProcess | null = null;
  private readonly table: Map<number, KernelProcess> = new Map();
  private nextPid = 2;
  private mostGiven = 1;
  private births = 0;
  private isOff = false;
  private lastInode = FIRST_INODE;

  /** `disk`: the files of the kernel that ran on this machine before. */
  constructor(stack: Stack, disk: FileSystem | null = null) {
    this.stack = stack;
    const { memory, settings, keeper } = stack.context;
    this.memory = memory;
    this.fileTable = new FileTable(memory, settings);
    this.pipePages = new PipePages(memory, settings, keeper);
    this.pendingSignals = new UserCounts(memory, Cost.SIGNAL);
    this.queueBytes = new UserCounts(memory, 1);
    this.ipc = new Ipc(memory, this.fileTable);
    this.epollWatches = new UserCounts(memory, Cost.WATCH);
    disk?.moveTo(memory);
    this.fileSystem = disk ?? new FileSystem(() => this.realtimeUs, stack.context.random, memory);
    this.unix = new UnixHost(stack);
    this.packet = new PacketHost(stack);
    this.netlink = new NetlinkHost(stack, this.unix, this.packet);
    this.init = new KernelProcess(this, 1, 'init', new Terminal(() => {}), null, null);
    this.init.descriptors.closeAll();
    this.table.set(1, this.init);
    this.proc = new ProcFileSystem(this);
    this.fileSystem.mount('proc', this.proc.root);
  }

  get loop(): Loop {
    return this.stack.context.loop;
  }

  /** CLOCK_REALTIME: microseconds since the Unix epoch. */
  get realtimeUs(): number {
    return this.stack.context.clock.nowUs;
  }

  get timers(): HostTimers {
    return this.stack.context.timers;
  }

  /**
   * The machine starts a process, with 0, 1 and 2 on a terminal or with the descriptors of `inheritFrom`: the process, or -EAGAIN,
   * -ENOMEM as of `fork`. Throws when the machine is off, and when there is nothing to inherit.
   */
  spawn(name: string, terminal: Terminal | null, inheritFrom: KernelProcess | null): KernelProcess | number {
    if (this.isOff) throw new Error(`the host ${this.stack.settings.hostname} is off`);
    if (inheritFrom?.exited) {
      throw new Error(`process ${inheritFrom.pid} (${inheritFrom.name}) has exited: nobody inherits from it`);
    }
    const refused = this.refusal(inheritFrom ?? this.init, inheritFrom === null ? Cost.FILE : inheritFrom.descriptors.tableBytes);
    if (refused < 0) return refused;
    const tty = terminal ?? inheritFrom?.terminal ?? new Terminal(() => {});
    const process = new KernelProcess(this, this.takePid(), name, tty, this.init, inheritFrom);
    this.enter(process);
    return process;
  }

  /**
   * A process starts another one, as fork(2) does: the child, or -EAGAIN, -ENOMEM, -ESRCH. What runs in it is a program that
   * begins at its beginning: `KernelProcess.execute` comes next.
   */
  fork(parent: KernelProcess, name: string): KernelProcess | number {
    if (parent.exited || this.isOff) return -Errno.ESRCH;
    const refused = this.refusal(parent, parent.descriptors.tableBytes);
    if (refused < 0) return refused;
    const child = new KernelProcess(this, this.takePid(), name, parent.terminal, parent, parent);
    child.pgid = parent.pgid;
    child.sid = parent.sid;
    child.limits.inherit(parent.limits);
    child.descriptors.max = parent.descriptors.max;
    child.signals.inherit(parent.signals);
    this.enter(child);
    return child;
  }

  /**
   * May there be another process with the ids of this one, and `bytes` for what it has open? 0; -EAGAIN beyond RLIMIT_NPROC and
   * threads-max; -ENOMEM when the host has no memory (copy_process).
   */
  private refusal({ credentials, limits }: KernelProcess, bytes: number): number {
    const most = limits.get(Resource.NPROC).soft;
    const isExempt = credentials.uid === 0 || credentials.has(Capability.SYS_RESOURCE) || credentials.has(Capability.SYS_ADMIN);
    // Who is counted is there: as long as all of them are few, nobody need count.
    if (!isExempt && this.table.size >= most && this.processesOf(credentials.uid) >= most) return -Errno.EAGAIN;
    if (this.table.size >= MOST_PROCESSES) return -Errno.EAGAIN;
    return this.memory.lacks(Cost.PROCESS + credentials.groups.length * Cost.GROUP + bytes) ? -Errno.ENOMEM : 0;
  }

  private enter(process: KernelProcess): void {
    this.table.set(process.pid, process);
    this.memory.hold(Cost.PROCESS);
  }

  /** Numbers processes in the order of their birth: pids begin anew. */
  nextBirth(): number {
    return this.births++;
  }

  /** The number of another inode that is in no directory. */
  takeInodeNumber(): number {
    return ++this.lastInode;
  }

  private takePid(): number {
    for (;;) {
      const pid = this.nextPid;
      this.nextPid = pid + 1 < MOST_PIDS ? pid + 1 : RESERVED_PIDS;
      // A number that names a group or a session is taken as long as that has members.
      if (this.table.has(pid)) continue;
      if (pid < this.mostGiven && this.everyProcess().some(({ pgid, sid }) => pgid === pid || sid === pid)) continue;
      if (pid > this.mostGiven) this.mostGiven = pid;
      return pid;
    }
  }

  /** The process of that number, an ended one included that nobody has waited for; null when there is none. */
  find(pid: number): KernelProcess | null {
    return this.table.get(pid) ?? null;
  }

  /** Processes that run, without init. */
  processes(): KernelProcess[] {
    return this.everyProcess().filter((process) => !process.exited && !process.isInit);
  }

  /** All of them: init, and those that have ended and were not waited for, included. */
  everyProcess(): KernelProcess[] {
    return [...this.table.values()];
  }

  /** What RLIMIT_NPROC counts: the processes of a real user. */
  private processesOf(uid: number): number {
    return this.everyProcess().filter(({ credentials }) => credentials.uid === uid).length;
  }

  /** Called by a process that is no more. */
  forget(process: KernelProcess): void {
    if (this.table.delete(process.pid)) this.memory.letGo(Cost.PROCESS);
  }

  /** The machine loses its power: every process ends, and no other begins. */
  powerOff(): void {
    this.isOff = true;
    for (const process of this.everyProcess()) process.end(0);
    this.table.clear();
  }
}
