/** The recorder's sendfile, splice and tee. */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { countText } from './recorder.ts';
import { IpcRecorder } from './recorder-ipc.ts';

export class SpliceRecorder extends IpcRecorder implements Syscalls {
  sendfile(out: number, from: number, offset: number | null, count: number): Promise<number> {
    const entry = this.add('sendfile', out, `${from}, ${offset}, ${count}`);
    return this.run(entry, this.inner.sendfile(out, from, offset, count), countText);
  }

  splice(from: number, fromOffset: number | null, to: number, toOffset: number | null, count: number, flags: number): Promise<number> {
    const entry = this.add('splice', from, `${fromOffset}, ${to}, ${toOffset}, ${count}, ${flags}`, String(flags));
    return this.run(entry, this.inner.splice(from, fromOffset, to, toOffset, count, flags), countText);
  }

  tee(from: number, to: number, count: number, flags: number): Promise<number> {
    const entry = this.add('tee', from, `${to}, ${count}, ${flags}`, String(flags));
    return this.run(entry, this.inner.tee(from, to, count, flags), countText);
  }
}
