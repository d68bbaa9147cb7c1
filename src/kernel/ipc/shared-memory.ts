/** System V shared memory: shmget(2), shmop(2), shmctl(2). Processes that attach a segment see the same bytes. */
import type { Credentials } from '../../base/credentials.ts';
import { IpcObject } from './ipc-object.ts';

export const SHM_RDONLY = 0o10000;
/** st_mode's bit of a segment that goes with its last attachment. */
export const SHM_DEST = 0o1000;
/** kernel.shmmni; and what all segments of a host may hold, which Linux leaves to the machine's memory. */
export const SHMMNI = 4096;
export const SHM_ROOM_BYTES = 256 * 1024 * 1024;

export class SharedSegment extends IpcObject {
  readonly bytes: Uint8Array;
  /** What it was made with: its memory may have been transferred away by whoever had it attached. */
  readonly size: number;
  readonly creator: number;
  lastUser = 0;
  attached = 0;
  attachedUs = 0;
  detachedUs = 0;
  changedUs: number;

  constructor(id: number, key: number, mode: number, owner: Credentials, size: number, pid: number, nowUs: number) {
    super(id, key, mode, owner);
    this.bytes = new Uint8Array(size);
    this.size = size;
    this.creator = pid;
    this.changedUs = nowUs;
  }
}
