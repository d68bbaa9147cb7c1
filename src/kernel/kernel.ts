/**
 * One host's kernel: its processes, and the making of sockets.
 */
import type { HostTimers } from '../base/host-timers.ts';
import type { Loop } from '../base/loop.ts';
import { AF, IPPROTO } from '../socket/constants.ts';
import { Socket } from '../socket/socket.ts';
import type { Stack } from '../stack/stack.ts';
import { KernelProcess } from './process.ts';
import { Terminal } from './terminal.ts';

export class Kernel {
  readonly stack: Stack;
  private readonly table: Map<number, KernelProcess> = new Map();
  private nextPid = 1;
  private isOff = false;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  get loop(): Loop {
    return this.stack.context.loop;
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

  processEnded(process: KernelProcess): void {
    this.table.delete(process.pid);
  }

  /** The machine loses its power: every process ends, and no other begins. */
  powerOff(): void {
    this.isOff = true;
    for (const process of this.processes()) process.exit();
  }

  /** A fresh socket; the protocol has been resolved. */
  createSocket(family: number, type: number, protocol: number): Socket {
    const isV4 = family === AF.INET;
    if (protocol === IPPROTO.TCP) return new Socket(this.stack, family, type, protocol, this.stack.tcp.create(isV4), null);
    return new Socket(this.stack, family, type, protocol, null, this.stack.udp.create(isV4));
  }
}
