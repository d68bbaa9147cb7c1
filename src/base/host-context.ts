/**
 * What every room of one host is handed: its loop, timers, settings, counters, random source, memory and payload writers.
 */
import { Counters } from './counters.ts';
import { HostTimers } from './host-timers.ts';
import { KernelMemory } from './kernel-memory.ts';
import type { Loop } from './loop.ts';
import { DatagramMemory, TcpMemory } from './protocol-memory.ts';
import type { RandomSource } from './random.ts';
import { Settings } from './settings.ts';
import { WallClock } from './wall-clock.ts';
import { ChunkWriter } from './slab.ts';

export class HostContext {
  readonly loop: Loop;
  readonly timers: HostTimers;
  readonly settings: Settings;
  readonly memory: KernelMemory;
  readonly tcpMemory: TcpMemory;
  readonly datagramMemory: DatagramMemory;
  readonly counters: Counters = new Counters();
  readonly random: RandomSource;
  readonly clock: WallClock;
  /** All sockets of the host append payload through this one writer. */
  readonly writer: ChunkWriter;
  /** Small payloads that receivers have queued lie together here: what is unread for long does not hold a sender's chunk. */
  readonly keeper: ChunkWriter;

  constructor(
    loop: Loop, random: RandomSource, memory: KernelMemory = new KernelMemory(), clock: WallClock = new WallClock(loop),
  ) {
    this.loop = loop;
    this.clock = clock;
    this.random = random;
    this.memory = memory;
    this.settings = new Settings(memory.totalBytes);
    this.tcpMemory = new TcpMemory(memory, this.settings, this.counters.values);
    this.datagramMemory = new DatagramMemory(memory, this.settings);
    this.writer = new ChunkWriter(memory);
    this.keeper = new ChunkWriter(memory);
    this.timers = new HostTimers(loop);
  }

  /** Gives back the memory that is kept for what comes next. */
  release(): void {
    this.writer.release();
    this.keeper.release();
  }
}
