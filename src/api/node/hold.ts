/** A request that keeps the process alive until it is answered, or until its program is gone: a name that is looked up. */
import { liveness } from './liveness.ts';
import type { NodeProgram, ProgramPart } from './node-program.ts';

export class Hold implements ProgramPart {
  private readonly program: NodeProgram;
  private readonly dropped: (() => void) | null;
  private isHeld = true;

  /** `dropped` is called when the program is gone before. */
  constructor(program: NodeProgram, dropped: (() => void) | null = null) {
    this.program = program;
    this.dropped = dropped;
    program.adopt(this);
    liveness.change(1);
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.program.drop(this);
    liveness.change(-1);
  }

  abandon(): void {
    this.release();
    this.dropped?.();
  }
}
