/** open(2): may wait, for the other end of a FIFO alone. */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { Poll } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';
import { Device, OpenDevice } from './fs/device.ts';
import { OpenDirectory } from './fs/directory.ts';
import { Access, Directory, Fifo, type Inode, Symlink } from './fs/inode.ts';
import { Place } from './fs/path.ts';
import { GeneratedFile, OpenGenerated } from './fs/generated-file.ts';
import { OpenRegular, RegularFile } from './fs/regular-file.ts';
import { mayAccess, walk } from './fs/walk.ts';
import { OpenFile } from './open-file.ts';
import { Operation, PENDING } from './operation.ts';
import { Pipe, PipeEnd } from './pipe.ts';

/** O_LARGEFILE as the kernel has it; C's is 0 on a 64-bit machine. */
const LARGEFILE = 0x8000;

const place = new Place();

export class OpenOperation extends Operation {
  private path = '';
  private flags = 0;
  private mode = 0;
  /** Reserved before the first try; -1 once it is filled or given back. */
  private descriptor = -1;
  /** Our end of a FIFO while it waits for the other one. */
  private end: PipeEnd | null = null;
  private partnersBefore = 0;

  prepare(path: string, flags: number, mode: number, descriptor: number): void {
    this.file = null;
    this.path = path;
    this.flags = flags;
    this.mode = mode;
    this.descriptor = descriptor;
    this.end = null;
    this.mayBlock = (flags & O.NONBLOCK) === 0;
  }

  override start(): number {
    const result = super.start();
    if (result !== PENDING) this.giveBack();
    return result;
  }

  protected step(): number {
    if (this.end !== null) return this.partners() === this.partnersBefore ? -Errno.EAGAIN : this.opened(this.end);
    // Before the path is looked at (path_openat).
    const refused = this.process.kernel.fileTable.refusal(this.process.credentials, 1, 0);
    if (refused < 0) return refused;
    const found = this.find();
    if (typeof found === 'number') return found;
    if (found instanceof Fifo) return this.openFifo(found);
    const { process } = this;
    const mode = this.flags & O.ACCMODE;
    if (found instanceof RegularFile) {
      found.renew();
      if ((this.flags & O.TRUNC) !== 0 && mode !== O.RDONLY) found.truncate(0);
      return this.opened(new OpenRegular(found, mode));
    }
    if (found instanceof Directory) return this.opened(new OpenDirectory(found, this.process.kernel.memory));
    if (found instanceof GeneratedFile) {
      if (mode !== O.RDONLY && found.writing < 0) return found.writing;
      return this.opened(new OpenGenerated(found, mode, process));
    }
    if (found instanceof Device) return this.opened(new OpenDevice(found, mode));
    // A socket's node is for connect(2).
    return -Errno.ENXIO;
  }

  /** The inode to open, made when it was to be made; or a negative errno, in Linux's order (do_open, may_open). */
  private find(): Inode | number {
    const { process, flags } = this;
    const { fileSystem } = process.kernel;
    const who = process.credentials;
    const follow = (flags & O.NOFOLLOW) === 0 && (flags & (O.CREAT | O.EXCL)) !== (O.CREAT | O.EXCL);
    const makes = (flags & O.CREAT) !== 0;
    const bad = walk(process, this.path, follow, place, makes);
    if (bad < 0) return bad;
    if (makes && this.path.endsWith('/') && place.name !== '') return -Errno.EISDIR;
    if (place.inode === null) {
      if (!makes) return -Errno.ENOENT;
      return fileSystem.create(place, this.mode & ~process.files.umask, who);
    }
    const { inode } = place;
    if (makes) {
      if ((flags & O.EXCL) !== 0) return -Errno.EEXIST;
      if (inode instanceof Directory) return -Errno.EISDIR;
    }
    if ((flags & O.DIRECTORY) !== 0 && !(inode instanceof Directory)) return -Errno.ENOTDIR;
    // Only a link that was not to be followed is left.
    if (inode instanceof Symlink) return -Errno.ELOOP;
    const mode = flags & O.ACCMODE;
    if (inode instanceof Directory && (mode !== O.RDONLY || (flags & O.TRUNC) !== 0)) return -Errno.EISDIR;
    const wanted = (mode === O.WRONLY ? 0 : Access.R) | (mode === O.RDONLY && (flags & O.TRUNC) === 0 ? 0 : Access.W);
    const denied = mayAccess(process, inode, wanted);
    return denied < 0 ? denied : inode;
  }

  private openFifo(fifo: Fifo): number {
    const mode = this.flags & O.ACCMODE;
    const { pipePages } = this.process.kernel;
    const pipe = fifo.pipe ?? Pipe.make(pipePages, this.process.credentials);
    if (pipe === null) return -Errno.ENOMEM;
    fifo.pipe = pipe;
    if (mode === O.WRONLY && !this.mayBlock && pipe.readers === 0) {
      fifo.unused();
      return -Errno.ENXIO;
    }
    fifo.opens++;
    const end = new PipeEnd(pipe, mode, () => fifo.closed());
    end.inode = fifo;
    pipe.wake(Poll.IN | Poll.OUT);
    const isAlone = mode === O.RDONLY ? pipe.writers === 0 : mode === O.WRONLY && pipe.readers === 0;
    if (!isAlone || !this.mayBlock) return this.opened(end);
    this.end = end;
    this.partnersBefore = this.partners();
    return -Errno.EAGAIN;
  }

  /** How often the other end has been opened: it may be closed again by the time we look. */
  private partners(): number {
    const { pipe, accessMode } = this.end as PipeEnd;
    return accessMode === O.RDONLY ? pipe.writersSeen : pipe.readersSeen;
  }

  private opened(operations: FileOperations): number {
    this.end = null;
    const file = new OpenFile(operations, this.process.kernel.fileTable);
    file.nonBlocking = (this.flags & O.NONBLOCK) !== 0;
    // A 64-bit kernel has every file opened so (force_o_largefile).
    file.otherFlags = LARGEFILE | (this.flags & (O.DIRECTORY | O.NOFOLLOW));
    file.setAppend((this.flags & O.APPEND) !== 0);
    file.found = { directory: place.directory, name: place.name };
    const fd = this.descriptor;
    this.descriptor = -1;
    this.process.descriptors.fill(fd, file, (this.flags & O.CLOEXEC) !== 0);
    return fd;
  }

  protected override joinQueues(): void {
    (this.end as PipeEnd).pipe.add(this);
  }

  protected waitFor(): number {
    this.events = Poll.IN | Poll.OUT;
    return Infinity;
  }

  protected timeoutResult(): number {
    return -Errno.EAGAIN;
  }

  protected override ended(): void {
    super.ended();
    this.end?.release();
    this.end = null;
    this.giveBack();
  }

  private giveBack(): void {
    if (this.descriptor < 0) return;
    this.process.descriptors.giveBack(this.descriptor);
    this.descriptor = -1;
  }
}
