/** How a recorder writes one call into the trace: the request when it is made, the outcome when it returns. */
import type { Syscalls, SystemError } from '../../src/api/posix/syscalls.ts';
import type { Entry, Trace } from './trace.ts';

export interface Described {
  text: string;
  kind: string;
  delivers: boolean;
}

export abstract class RecorderCore {
  /** The process itself, for loops whose steps depend on sizes that are not compared. */
  readonly silent: Syscalls;
  protected readonly inner: Syscalls;
  protected readonly trace: Trace;
  protected readonly name: string;
  private ended = false;

  constructor(name: string, inner: Syscalls, trace: Trace) {
    this.name = name;
    this.inner = inner;
    this.silent = inner;
    this.trace = trace;
  }

  /** The process ends: what is still under way never returns to it, whatever the side makes of the promise. */
  end(): void {
    this.ended = true;
  }

  /** A call that is about no descriptor. */
  protected async record<T>(call: string, text: string, variant: string, made: Promise<T>, describe: (value: T) => Described): Promise<T> {
    const entry = this.trace.add(`${this.name}.${call}(${text})`, variant === '' ? call : `${call} ${variant}`, 'none');
    return this.run(entry, made, describe);
  }

  protected async run<T>(entry: Entry, call: Promise<T>, describe: (value: T) => Described): Promise<T> {
    let value: T;
    try {
      value = await call;
    } catch (error) {
      if (this.ended) throw error;
      const code = (error as SystemError).code;
      // An exception that is no errno is a bug of the side that threw it; it shows as a difference.
      entry.outcome = code ?? `threw ${(error as Error).message}`;
      entry.kind = entry.outcome;
      entry.isError = true;
      throw error;
    }
    if (this.ended) return value;
    const { text, kind, delivers } = describe(value);
    entry.outcome = text;
    entry.kind = kind;
    entry.delivers = delivers;
    return value;
  }
}

export function plain(text: string): Described {
  return { text, kind: text, delivers: false };
}

export function okText(): Described {
  return plain('ok');
}
