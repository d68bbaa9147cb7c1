/** sendfile, splice, tee: splice-syscalls.ts says what they do and their errors. */
import * as splice from '../../kernel/calls/splice.ts';
import { PENDING } from '../../kernel/operation.ts';
import { SpliceOperation } from '../../kernel/splice.ts';
import { Call } from './call.ts';
import { countOf } from './face.ts';
import { IpcCalls } from './ipc-calls.ts';
import type { SpliceSyscalls } from './splice-syscalls.ts';

/** An offset as the calls below have it: -1 for a description's own position, and anything else below zero is wrong. */
function positionOf(offset: number | null): number {
  return offset === null ? -1 : offset < 0 ? -2 : offset;
}

export abstract class SpliceCalls extends IpcCalls implements SpliceSyscalls {
  sendfile(out: number, from: number, offset: number | null, count: number): Promise<number> {
    const operation = new SpliceOperation(this.core);
    return this.moving(operation, splice.prepareSendfile(this.core, operation, out, from, positionOf(offset), count), 'sendfile');
  }

  splice(from: number, fromOffset: number | null, to: number, toOffset: number | null, count: number, flags: number): Promise<number> {
    const operation = new SpliceOperation(this.core);
    const bad = splice.prepareSplice(this.core, operation, from, positionOf(fromOffset), to, positionOf(toOffset), count, flags);
    return this.moving(operation, bad, 'splice');
  }

  tee(from: number, to: number, count: number, flags: number): Promise<number> {
    const operation = new SpliceOperation(this.core);
    return this.moving(operation, splice.prepareTee(this.core, operation, from, to, count, flags), 'tee');
  }

  private moving(operation: SpliceOperation, bad: number, name: string): Promise<number> {
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.written(operation, result, name);
    return new Call<SpliceOperation, number>(operation, countOf).pending(name);
  }
}
