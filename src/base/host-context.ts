/**
 * What every room of one host is handed: its loop, timers, settings, counters, random source and payload writers.
 */
import { Counters } from './counters.ts';
import { HostTimers } from './host-timers.ts';
import type { Loop } from './loop.ts';
import type { RandomSource } from './random.ts';
import { Settings } from './settings.ts';
import { WallClock } from './wall-clock.ts';
import { ChunkWriter } from './slab.ts';

export class HostContext {
  readonly loop: Loop;
  readonly timers: HostTimers;
  readonly settings: Settings = new Settings();
  readonly counters: Counters = new Counters();
  readonly random: RandomSource;
  readonly clock: WallClock;
  /** All sockets of the host append payload through this one writer. */
  readonly writer: ChunkWriter = new ChunkWriter();
  /** Small payloads that receivers have queued lie together here: what is unread for long does not hold a sender's chunk. */
  readonly keeper: ChunkWriter = new ChunkWriter();

  constructor(loop: Loop, random: RandomSource, clock: WallClock = new WallClock(loop)) {
    this.loop = loop;
    this.clock = clock;
    this.random = random;
    this.timers = new HostTimers(loop);
  }

  /** Gives back the memory that is kept for what comes next. */
  release(): void {
    this.writer.release();
    this.keeper.release();
  }
}
