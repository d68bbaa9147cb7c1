/** Local sockets below Node's net (`net.connect('/run/app.sock')`): libuv's uv_pipe_t over AF_UNIX of a host of ours. */
import { Errno } from '../../base/errno.ts';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { chmod, mkdir, unlink } from '../../kernel/calls/files.ts';
import * as sockets from '../../kernel/calls/sockets.ts';
import { ConnectOperation } from '../../kernel/transfer.ts';
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
    const name = sockets.localName(this.program.core, descriptor);
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
    let result = sockets.bind(this.program.core, this.descriptor, sockaddrUn(cut(name)));
    if (result === -Errno.ENOENT && this.makeFolders(dirname(name))) {
      result = sockets.bind(this.program.core, this.descriptor, sockaddrUn(cut(name)));
    }
    if (result === -Errno.ENOENT) return -Errno.EACCES;
    if (result === 0 && !name.startsWith('\0')) this.boundTo = name;
    return result;
  }

  connect(request: Request, path: string): number {
    if (this.isOver) return -Errno.EINVAL;
    const bad = this.ensureListenable();
    const { core } = this.program;
    let result = bad;
    if (bad === 0) {
      const operation = new ConnectOperation(core);
      result = sockets.prepareConnect(core, operation, this.descriptor, sockaddrUn(cut(this.nameOf(path))));
      if (result === 0) result = operation.start();
    }
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
    const result = mkdir(this.program.core, path, 0o755);
    return result === 0 || result === -Errno.EEXIST;
  }

  protected ensureListenable(): number {
    if (this.descriptor >= 0) return 0;
    const fd = sockets.socket(this.program.core, AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
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
    const name = sockets.localName(this.program.core, this.descriptor);
    const path = typeof name === 'number' ? null : readSockaddrUn(name);
    if (path === null || path === '') return -Errno.EINVAL;
    const more = ((mode & READABLE) !== 0 ? 0o444 : 0) | ((mode & WRITABLE) !== 0 ? 0o222 : 0);
    return chmod(this.program.core, path, 0o700 | more);
  }

  override close(done?: () => void): void {
    if (this.boundTo !== null && !this.isOver) unlink(this.program.core, this.boundTo);
    this.boundTo = null;
    super.close(done);
  }

  /** Windows' only. */
  setPendingInstances(): void {}
}

function cut(path: string): Uint8Array {
  return Buffer.from(path, 'utf8').subarray(0, MOST_PATH);
}
