/**
 * What keeps a handle's program alive, as libuv's handles do: it is active and referenced, or it has something left to tell.
 * One for each handle; stream-handle.ts and udp-handle.ts say when they are active.
 */
import { Told } from './handle-events.ts';
import { liveness } from './liveness.ts';
import type { HandleEvent, NodeProgram } from './node-program.ts';

export class HandleLife {
  /** `unref` was not called. */
  isReferenced = true;
  private readonly program: NodeProgram;
  private isActive = false;
  private toTell = 0;
  private keepsAlive = false;

  constructor(program: NodeProgram) {
    this.program = program;
  }

  /** It has something to wait for, or has not: a closed handle never has. */
  setActive(isActive: boolean): void {
    this.isActive = isActive;
    this.update();
  }

  setReferenced(isReferenced: boolean): void {
    this.isReferenced = isReferenced;
    this.update();
  }

  /** An event that keeps the program alive until it has been told. */
  told(what: () => void): HandleEvent {
    this.toTell++;
    this.update();
    return new Told(() => {
      this.toTell--;
      this.update();
      what();
    });
  }

  /** The program is gone: nothing will be told any more. */
  abandon(): void {
    this.toTell = 0;
    this.setActive(false);
  }

  private update(): void {
    const keeps = !this.program.isOver && (this.toTell > 0 || (this.isReferenced && this.isActive));
    if (keeps === this.keepsAlive) return;
    this.keepsAlive = keeps;
    liveness.change(keeps ? 1 : -1);
  }
}
