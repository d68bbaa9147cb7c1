/** Local sockets below Node's net (`net.connect('/run/app.sock')`): libuv's uv_pipe_t over AF_UNIX of a host of ours. */
import { Errno } from '../../base/errno.ts';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AF, SOCK } from '../../socket/constants.ts';
import { readSockaddrUn, sockaddrUn } from '../../socket/sockaddr.ts';
import type { Request } from './bindings.ts';
import { descriptorOf } from './descriptor-numbers.ts';
import type { NodeProgram } from './node-program.ts';
import { giveFace, StreamHandle } from './stream-handle.ts';

/** libuv's flags of fchmod. */
const READABLE = 1;
const WRITABLE = 2;
/** sizeof(sun_path) with its NUL: what is longer is cut there (uv_pipe_bind, uv_pipe_connect). */
const MOST_PATH = 107;

export class PipeHandle extends StreamHandle {
  /** The name in the file system that `close` takes away. */
  private boundTo: string | null = null;

  constructor(program: NodeProgram, isServer: boolean) {
    super(program, 'Pipe', isServer);
  }

  open(number: number): number {
    const descriptor = descriptorOf(this.program, number);
    const name = this.program.kernel.localName(descriptor);
    if (typeof name === 'number') return name;
    this.plug(descriptor);
    this.isConnected = true;
    return 0;
  }

  bind(path: string): number {
    if (this.descriptor >= 0) return -Errno.EINVAL;
    const bad = this.ensureListenable();
    if (bad < 0) return bad;
    const name = this.nameOf(path);
    let result = this.program.kernel.bind(this.descriptor, sockaddrUn(cut(name)));
    if (result === -Errno.ENOENT && this.makeFolders(dirname(name))) {
      result = this.program.kernel.bind(this.descriptor, sockaddrUn(cut(name)));
    }
    if (result === -Errno.ENOENT) return -Errno.EACCES;
    if (result === 0 && !name.startsWith('\0')) this.boundTo = name;
    return result;
  }

  connect(request: Request, path: string): number {
    if (this.isOver) return -Errno.EINVAL;
    const bad = this.ensureListenable();
    const result = bad < 0 ? bad : this.program.kernel.connect(this.descriptor, sockaddrUn(cut(this.nameOf(path))));
    this.connecting = request;
    this.live();
    // A local socket is connected or refused at once; libuv tells of both in the next turn.
    const status = result;
    this.program.later({ runEvent: () => {
      if (this.connecting === request) this.endConnect(request, status);
    } });
    return 0;
  }

  /** The name on the host: relative ones are the program's, whose working directory is that of its Node. */
  private nameOf(path: string): string {
    return path.startsWith('\0') || path === '' ? path : resolve(path);
  }

  /**
   * Node programs make the folders of their sockets with node:fs, on the machine. What is a folder there, the host gets as an
   * empty one.
   */
  private makeFolders(path: string): boolean {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    const parent = dirname(path);
    if (parent !== path) this.makeFolders(parent);
    const result = this.program.kernel.mkdir(path, 0o755);
    return result === 0 || result === -Errno.EEXIST;
  }

  protected ensureListenable(): number {
    if (this.descriptor >= 0) return 0;
    const fd = this.program.kernel.socket(AF.UNIX, SOCK.STREAM);
    if (fd >= 0) this.plug(fd);
    return Math.min(fd, 0);
  }

  protected accepted(descriptor: number): PipeHandle {
    const handle = new PipeHandle(this.program, false);
    handle.plug(descriptor);
    handle.isConnected = true;
    giveFace(handle);
    return handle;
  }

  /** uv_pipe_chmod(3): who may connect besides the owner. */
  fchmod(mode: number): number {
    if (this.descriptor < 0) return -Errno.EBADF;
    const name = this.program.kernel.localName(this.descriptor);
    const path = typeof name === 'number' ? null : readSockaddrUn(name);
    if (path === null || path === '') return -Errno.EINVAL;
    const more = ((mode & READABLE) !== 0 ? 0o444 : 0) | ((mode & WRITABLE) !== 0 ? 0o222 : 0);
    return this.program.kernel.chmod(path, 0o700 | more);
  }

  override close(done?: () => void): void {
    if (this.boundTo !== null && !this.isOver) this.program.kernel.unlink(this.boundTo);
    this.boundTo = null;
    super.close(done);
  }

  /** Windows' only. */
  setPendingInstances(): void {}
}

function cut(path: string): Uint8Array {
  return Buffer.from(path, 'utf8').subarray(0, MOST_PATH);
}
