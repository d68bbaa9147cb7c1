/**
 * A world in real time: its clock follows the machine's, since something that is no part of it is to be heard (gateway.ts).
 * Everything else of virtual time stays: events have their order and their times, timers and Date are the world's.
 *
 *   Loop.advance -> the next event is not due yet -> wakeAt -> a timer, then immediates, of the machine's -> Loop.resume
 *   data of the machine's -> Loop.catchUp -> a system call in the world
 *
 * The clock never runs ahead of the machine's. It falls behind where the process has no time for its world: what is late by
 * more than SLIP_US makes the clock stand still for as long, so that a slow machine invents no timeouts and no losses.
 */
import { machineImmediate, machineNow, machineTimeout, stopMachineTimeout } from '../../../api/node/machine-timers.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import type { Loop, Pace } from '../../../base/loop.ts';
import { RealTimeEnvironment } from '../../../base/real-time.ts';

/** As environment.ts has it: Node's timers count whole milliseconds. */
const POLL_BELOW_US = 1500;
/** A lateness that is made up for. Node's timers have 1 to 2 ms of it. */
const SLIP_US = 10_000;

export class RealTime extends RealTimeEnvironment implements Pace {
  /** The machine's time at the loop's zero. */
  private zeroUs: number;
  /** Up to here the machine's time had come when it was looked at last: others of the process have their turn in between. */
  private reachedUs: number;
  private wakeUs = Infinity;
  private timer: NodeJS.Timeout | null = null;

  /** The clock of `loop` follows the machine's from now on. */
  constructor(loop: Loop) {
    super({ epochUs: loop.environment.epochUs, pollBelowUs: POLL_BELOW_US, fill: (words) => words.fill(0) });
    this.zeroUs = machineNow() * 1000 - loop.now;
    this.reachedUs = loop.now;
    this.attach(() => {
      const now = this.now();
      const lateUs = now - this.wakeUs - SLIP_US;
      if (lateUs > 0) this.zeroUs += lateUs;
      this.reachedUs = lateUs > 0 ? now - lateUs : now;
      loop.resume();
    });
    loop.pace = this;
  }

  override now(): number {
    return Math.floor(machineNow() * 1000 - this.zeroUs);
  }

  hasReached(us: number): boolean {
    return us <= this.reachedUs;
  }

  override wakeAt(us: number): void {
    this.wakeUs = us;
    super.wakeAt(us);
  }

  override turn(fn: () => void): void {
    machineImmediate(fn);
  }

  protected override startPoll(fn: () => void): void {
    NodeProgram.runOutside(() => machineImmediate(fn));
  }

  protected override startTimer(fn: () => void, ms: number): void {
    NodeProgram.runOutside(() => {
      this.timer = machineTimeout(fn, ms);
    });
  }

  protected override stopTimer(): void {
    if (this.timer !== null) stopMachineTimeout(this.timer);
    this.timer = null;
  }

  protected override timerMs(waitUs: number): number {
    // The last stretch is polled for.
    return Math.max(1, Math.floor((waitUs - POLL_BELOW_US) / 1000));
  }
}
