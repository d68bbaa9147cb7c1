/** A host's System V objects and POSIX message queues. */
import type { KernelMemory } from '../../base/kernel-memory.ts';
import type { FileTable } from '../file-table.ts';
import type { KernelProcess } from '../process.ts';
import { IpcTable } from './ipc-object.ts';
import { type MessageQueue, MessageRoom, MSGMNI } from './message-queue.ts';
import type { PosixQueue } from './posix-queue.ts';
import { MOST_SEMAPHORES, SEMMNI, type SemaphoreSet, undoBytes } from './semaphores.ts';
import { SHM_ROOM_BYTES, type SharedSegment, SHMMNI } from './shared-memory.ts';

export class Ipc {
  readonly queues: IpcTable<MessageQueue> = new IpcTable(MSGMNI);
  readonly semaphores: IpcTable<SemaphoreSet> = new IpcTable(SEMMNI);
  readonly segments: IpcTable<SharedSegment> = new IpcTable(SHMMNI);
  /** POSIX message queues by their names, without the slash. */
  readonly posixQueues: Map<string, PosixQueue> = new Map();
  /** Bytes that messages of System V queues may still take, their own 48 each included; and how many semaphores there may still be. */
  readonly messageRoom: MessageRoom;
  semaphoreRoom = MOST_SEMAPHORES;
  /** Bytes that segments may still take. */
  roomBytes = SHM_ROOM_BYTES;
  /** What each process has attached: a view for each attachment. */
  private readonly attachments = new Map<KernelProcess, Map<Uint8Array, SharedSegment>>();
  private readonly undoing = new Map<KernelProcess, Set<SemaphoreSet>>();

  private readonly memory: KernelMemory;
  private readonly fileTable: FileTable;

  constructor(memory: KernelMemory, fileTable: FileTable) {
    this.memory = memory;
    this.fileTable = fileTable;
    this.messageRoom = new MessageRoom(memory);
  }

  attach(process: KernelProcess, view: Uint8Array, segment: SharedSegment): void {
    const views = this.attachments.get(process) ?? new Map();
    views.set(view, segment);
    this.attachments.set(process, views);
    segment.attached++;
    segment.lastUser = process.pid;
    segment.attachedUs = process.kernel.realtimeUs;
  }

  /** shmdt(2): false when the view is none that is attached. */
  detach(process: KernelProcess, view: Uint8Array): boolean {
    const views = this.attachments.get(process);
    const segment = views?.get(view);
    if (segment === undefined) return false;
    views?.delete(view);
    if (views?.size === 0) this.attachments.delete(process);
    segment.attached--;
    segment.lastUser = process.pid;
    segment.detachedUs = process.kernel.realtimeUs;
    this.forgetIfUnused(segment);
    return true;
  }

  /** A segment that has been removed goes with its last attachment. */
  forgetIfUnused(segment: SharedSegment): void {
    if (!segment.removed || segment.attached > 0) return;
    this.segments.drop(segment);
    this.roomBytes += segment.size;
    this.memory.letGo(segment.size);
    this.fileTable.closed();
  }

  /** A process will have something to take back at its end. */
  willUndo(process: KernelProcess, set: SemaphoreSet): void {
    const sets = this.undoing.get(process) ?? new Set();
    sets.add(set);
    this.undoing.set(process, sets);
  }

  /** A set is gone: nobody takes anything back of it. */
  willNotUndo(set: SemaphoreSet): void {
    for (const process of set.undos.keys()) {
      const sets = this.undoing.get(process);
      sets?.delete(set);
      if (sets?.size === 0) this.undoing.delete(process);
    }
    this.memory.letGo(set.undos.size * undoBytes(set.values.length));
    set.undos.clear();
  }

  /** The child of one that has segments attached has them too, until its program begins (shm_open, shm_close): what is left of that is when. */
  forked(parent: KernelProcess, child: KernelProcess): void {
    for (const segment of this.attachments.get(parent)?.values() ?? []) {
      segment.lastUser = child.pid;
      segment.attachedUs = segment.detachedUs = child.kernel.realtimeUs;
    }
  }

  /** What processes have of it: attachments, sets that they would undo, and queues that would tell them of a message. */
  heldByProcesses(): { attachments: number; undos: number; notifications: number } {
    let [attachments, undos, notifications] = [0, 0, 0];
    for (const views of this.attachments.values()) attachments += views.size;
    for (const sets of this.undoing.values()) undos += sets.size;
    for (const { notification } of this.posixQueues.values()) if (notification !== null) notifications++;
    return { attachments, undos, notifications };
  }

  processEnded(process: KernelProcess): void {
    for (const view of [...(this.attachments.get(process)?.keys() ?? [])]) this.detach(process, view);
    for (const set of this.undoing.get(process) ?? []) set.undo(process);
    this.undoing.delete(process);
  }
}
