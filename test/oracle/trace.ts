/**
 * The trace of one program on one kernel: each call in the order in which it was made, with its outcome as text.
 *
 * Written by recorder.ts, compared by comparison.ts.
 */

/** One call, or one remark of the program about something that is no call's result (an elapsed time). */
export interface Entry {
  /** Process, name and arguments: what the program asked for. Equal on both sides, or the programs went apart. */
  request: string;
  /** The call with what makes it another call: option, flags, command (`getsockopt SO_TYPE`, `recv PEEK`). */
  call: string;
  /** Family and type of the socket it was made on: `inet stream`, `inet6 dgram`, `none`. */
  family: string;
  /** Error name, or the result with addresses and bytes in full; `blocked` until the call returns. */
  outcome: string;
  /** The outcome without delivered data and addresses, for counting distinct results. */
  kind: string;
  isError: boolean;
  /** The outcome contains bytes that were received, or an address. */
  delivers: boolean;
}

export const BLOCKED = 'blocked';

export class Trace {
  entries: Entry[] = [];
  /** ProgramEnvironment.wordData. */
  words: ((bytes: Uint8Array) => string | null) | null = null;
  /** Why the program ended before its time, if it did. */
  failure: string | null = null;
  /** What the program left behind on its host when all its processes had ended. */
  leftovers: readonly string[] = [];

  add(request: string, call: string, family: string): Entry {
    const entry: Entry = {
      request, call, family, outcome: BLOCKED, kind: BLOCKED, isError: false, delivers: false,
    };
    this.entries.push(entry);
    return entry;
  }

  /** Ends the recording: calls that return later leave no mark. */
  freeze(): void {
    this.entries = this.entries.map((entry) => ({ ...entry }));
  }

  /** The entries with automatic ports and names, and pids, replaced by the order in which they appear. */
  normalized(): Entry[] {
    const autos = new Map<string, string>();
    const pids = new Map<string, string>();
    const replace = (text: string): string => text.replace(/\{(port|name|pid):(\w+)\}/g, (_all, kind: string, what: string) => {
      const known = kind === 'pid' ? pids : autos;
      const name = known.get(what) ?? `${kind === 'pid' ? 'pid' : 'auto'}${known.size + 1}`;
      known.set(what, name);
      return name;
    });
    return this.entries.map((entry) => ({
      ...entry, request: replace(entry.request), outcome: replace(entry.outcome),
    }));
  }
}
