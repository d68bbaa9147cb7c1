/**
 * Real work in flight: what Node does for a program outside of its thread, whose end is a macrotask that no clock of ours
 * knows of. While there is some, the world's time stands still.
 *
 * Files show in `process.getActiveResourcesInfo()`; crypto and compression do not, so their requests are counted by type
 * as async_hooks sees them begin and end.
 */
import { createHook } from 'node:async_hooks';

/** Types of async resources that are one piece of work each: made when it begins, `before` is called when it has ended. */
const WORK: ReadonlySet<string> = new Set([
  'FSREQCALLBACK', 'FSREQPROMISE', 'FILEHANDLECLOSEREQ', 'HASHREQUEST', 'PBKDF2REQUEST', 'SCRYPTREQUEST', 'RANDOMBYTESREQUEST',
  'RANDOMPRIMEREQUEST', 'CHECKPRIMEREQUEST', 'KEYPAIRGENREQUEST', 'KEYGENREQUEST', 'KEYEXPORTREQUEST', 'CIPHERREQUEST',
  'DERIVEBITSREQUEST', 'SIGNREQUEST', 'VERIFYREQUEST',
]);
const open: Set<number> = new Set();
let isWatching = false;
let extra = 0;

/** Called once, when programs of worlds may run. */
export function watchWork(): void {
  if (isWatching) return;
  isWatching = true;
  createHook({
    init(id, type) {
      if (WORK.has(type)) open.add(id);
    },
    before(id) {
      open.delete(id);
    },
    destroy(id) {
      open.delete(id);
    },
  }).enable();
}

export function workInFlight(): boolean {
  return open.size > 0 || extra > 0;
}

/** Work that is seen by neither (WebAssembly.compile, streams of zlib): held while `promise` is open. */
export function holdFor<T>(promise: Promise<T>): Promise<T> {
  extra++;
  const done = (): void => {
    extra--;
  };
  promise.then(done, done);
  return promise;
}
