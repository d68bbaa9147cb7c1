/** /proc/sysvipc: message queues, shared memory and semaphores, as ipcs(1) reads them. Only what the reader may read is told. */
import type { IpcObject, IpcTable } from '../ipc/ipc-object.ts';
import { READ } from '../ipc/ipc-object.ts';
import type { KernelProcess } from '../process.ts';
import { ProcDirectory, ProcEntry } from './nodes.ts';
import type { ProcFileSystem } from './proc.ts';

const HEADERS = {
  msg: '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n',
  sem: '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n',
  shm: '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime' +
    '      ctime                   rss                  swap\n',
};

function num(value: number, width: number): string {
  return String(value).padStart(width);
}

function seconds(us: number): string {
  return num(Math.floor(us / 1e6), 10);
}

/** A table's lines, by the place in it that an identifier names. */
function lines<T extends IpcObject>(reader: KernelProcess, table: IpcTable<T>, line: (object: T) => string): string {
  return [...table].filter((object) => object.permits(reader.credentials, READ) >= 0).map(line).join('');
}

function start({ id, permissions: { key, mode } }: IpcObject): string {
  return `${num(key, 10)} ${num(id, 10)}  ${mode.toString(8).padStart(4)} `;
}

function owners({ permissions: { uid, gid, cuid, cgid } }: IpcObject): string {
  return [uid, gid, cuid, cgid].map((id) => num(id, 5)).join(' ');
}

const PAGE = 4096;

export function ipcDirectory({ kernel, numbers }: ProcFileSystem, root: ProcDirectory): ProcDirectory {
  const { ipc } = kernel;
  const directory = new ProcDirectory(numbers, 'sysvipc', root);
  directory.add('msg', new ProcEntry(numbers, (reader) => HEADERS.msg + lines(reader, ipc.queues, (queue) =>
    `${start(queue)} ${num(queue.bytes, 10)} ${num(queue.messages.length, 10)} ${num(queue.lastSender, 5)} ${num(queue.lastReceiver, 5)} ` +
    `${owners(queue)} ${seconds(queue.sentUs)} ${seconds(queue.receivedUs)} ${seconds(queue.changedUs)}\n`)));
  directory.add('sem', new ProcEntry(numbers, (reader) => HEADERS.sem + lines(reader, ipc.semaphores, (set) =>
    `${start(set)}${num(set.values.length, 10)} ${owners(set)} ${seconds(set.operatedUs)} ${seconds(set.changedUs)}\n`)));
  directory.add('shm', new ProcEntry(numbers, (reader) => HEADERS.shm + lines(reader, ipc.segments, (segment) =>
    `${start(segment)}${num(segment.size, 21)} ${num(segment.creator, 5)} ${num(segment.lastUser, 5)}  ${num(segment.attached, 5)} ` +
    `${owners(segment)} ${seconds(segment.attachedUs)} ${seconds(segment.detachedUs)} ${seconds(segment.changedUs)} ` +
    `${num(Math.ceil(segment.size / PAGE) * PAGE, 21)} ${num(0, 21)}\n`)));
  return directory;
}
