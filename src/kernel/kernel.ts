/**
 * One host's kernel: its processes.
 */
import type { HostTimers } from '../base/host-timers.ts';
import type { Loop } from '../base/loop.ts';
import { PacketHost } from '../socket/family/packet-host.ts';
import { UnixHost } from '../socket/family/unix-host.ts';
import type { Stack } from '../stack/stack.ts';
import { FileSystem } from './fs/file-system.ts';
import { Ipc } from './ipc/ipc.ts';
import { KernelProcess } from './process.ts';
import { Terminal } from './terminal.ts';

export class Kernel {
  readonly stack: Stack;
  readonly fileSystem: FileSystem;
  readonly ipc: Ipc = new Ipc();
  /** What its AF_UNIX sockets share. */
  readonly unix: UnixHost;
  /** And what its AF_PACKET sockets do. */
  readonly packet: PacketHost;
  private readonly table: Map<number, KernelProcess> = new Map();
  private nextPid = 1;
  private isOff = false;

  constructor(stack: Stack) {
    this.stack = stack;
    this.fileSystem = new FileSystem(() => this.realtimeUs, stack.context.random);
    this.unix = new UnixHost(stack);
    this.packet = new PacketHost(stack);
  }

  get loop(): Loop {
    return this.stack.context.loop;
  }

  /** CLOCK_REALTIME: microseconds since the Unix epoch. */
  get realtimeUs(): number {
    const { loop } = this;
    return loop.environment.epochUs + loop.now;
  }

  get timers(): HostTimers {
    return this.stack.context.timers;
  }

  /** Starts a process with 0, 1 and 2 on a terminal, or with the descriptors of `parent`. */
  spawn(name: string, terminal: Terminal | null, parent: KernelProcess | null): KernelProcess {
    if (this.isOff) throw new Error(`the host ${this.stack.settings.hostname} is off`);
    if (parent?.exited) throw new Error(`process ${parent.pid} (${parent.name}) has exited: nobody inherits from it`);
    const tty = terminal ?? parent?.terminal ?? new Terminal(() => {});
    const process = new KernelProcess(this, this.nextPid++, name, tty, parent);
    this.table.set(process.pid, process);
    return process;
  }

  processes(): KernelProcess[] {
    return [...this.table.values()];
  }

  process(pid: number): KernelProcess | null {
    return this.table.get(pid) ?? null;
  }

  processEnded(process: KernelProcess): void {
    this.table.delete(process.pid);
    this.ipc.processEnded(process);
  }

  /** The machine loses its power: every process ends, and no other begins. */
  powerOff(): void {
    this.isOff = true;
    for (const process of this.processes()) process.exit();
  }
}
