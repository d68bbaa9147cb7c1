/**
 * The second way in, for processes where net and dgram have been loaded already (a test runner's worker, a file that imports
 * node:net beside sockscape/sim, a forked child): Node's own handles stay, and their methods ask first whether a handle of
 * ours does the work.
 *
 *   net.Socket -> Node's TCP ("face": no descriptor, libuv never sees it) -> TcpHandle -> our sockets
 *
 * Whose a handle is is decided at its first use, by the async context; one that is open on the machine by then is the
 * machine's (standard streams that stood before us). One thing is lost against install.ts: http2 without
 * TLS does not stand on the handle itself, and goes through Node's slower JSStreamSocket.
 */
import { binding } from './bindings.ts';
import { isLoaded } from './loaded-modules.ts';
import { NodeProgram } from './node-program.ts';
import { PipeHandle } from './pipe-handle.ts';
import { setFaceMaker, type StreamHandle } from './stream-handle.ts';
import { TcpHandle } from './tcp-handle.ts';
import { UdpHandle } from './udp-handle.ts';

type Ours = StreamHandle | UdpHandle;
type Method = (this: object, ...args: unknown[]) => unknown;

const kOurs = Symbol('sockscape handle');

interface Face {
  [kOurs]?: Ours | null;
}

const STREAM_METHODS = [
  'readStart', 'readStop', 'shutdown', 'useUserBuffer', 'writev', 'writeBuffer', 'writeAsciiString', 'writeUtf8String',
  'writeUcs2String', 'writeLatin1String', 'listen', 'open', 'bind', 'connect', 'close', 'ref', 'unref', 'hasRef', 'getAsyncId',
];
const TCP_METHODS = [
  'bind6', 'connect6', 'getsockname', 'getpeername', 'setNoDelay', 'setKeepAlive', 'reset', 'setTypeOfService', 'getTypeOfService',
];
const PIPE_METHODS = ['fchmod', 'setPendingInstances'];
const UDP_METHODS = [
  'open', 'bind', 'bind6', 'connect', 'connect6', 'disconnect', 'send', 'send6', 'recvStart', 'recvStop', 'getsockname', 'getpeername',
  'addMembership', 'dropMembership', 'addSourceSpecificMembership', 'dropSourceSpecificMembership', 'setMulticastInterface',
  'setMulticastTTL', 'setMulticastLoopback', 'setBroadcast', 'setTTL', 'bufferSize', 'getSendQueueSize', 'getSendQueueCount',
  'close', 'ref', 'unref', 'hasRef', 'getAsyncId',
];

type Make = (program: NodeProgram) => Ours | null;

const makeTcp: Make = (program) => new TcpHandle(program, false);
const makePipe: Make = (program) => (isOfChildProcess() ? null : new PipeHandle(program, false));

let isInPlace = false;

export function installInPlace(): void {
  isInPlace = true;
  const { TCP, constants } = binding('tcp_wrap');
  const { Pipe, constants: pipeConstants } = binding('pipe_wrap');
  const { UDP } = binding('udp_wrap');
  patch(TCP.prototype, [...STREAM_METHODS, ...TCP_METHODS], makeTcp);
  patchStream(TCP.prototype, makeTcp);
  patch(Pipe.prototype, [...STREAM_METHODS, ...PIPE_METHODS], makePipe);
  patchStream(Pipe.prototype, makePipe);
  patch(UDP.prototype, UDP_METHODS, (program) => new UdpHandle(program));
  setFaceMaker((handle) => {
    const Machine = (handle instanceof TcpHandle ? TCP : Pipe) as new (type: number) => Face;
    const type = handle instanceof TcpHandle ? constants.SOCKET : (pipeConstants['SOCKET'] as number);
    join(new Machine(type), handle);
  });
}

/** The handle of ours that a handle of Node's stands for; itself when it stands for none. */
export function behind(handle: object): object {
  return (handle as Face)[kOurs] ?? handle;
}

/** Is the work of this handle, one of Node's own classes, done by the machine? Where it is not decided yet, it is not. */
export function isMachines(handle: object): boolean {
  if (!isInPlace) return true;
  const known = (handle as Face)[kOurs];
  return known === null || (known === undefined && isOpenAlready(handle as Face));
}

function join(face: Face, ours: Ours): void {
  face[kOurs] = ours;
  ours.face = face as never;
  // UDP's own one cannot be replaced on its prototype.
  if (ours instanceof UdpHandle) Object.defineProperty(face, 'fd', { configurable: true, get: () => ours.fd });
}

/** Prototypes whose `fd` is an accessor of ours. */
const patched: Set<object> = new Set();

/** Has the machine opened it already? */
function isOpenAlready(face: Face): boolean {
  for (let holder = Object.getPrototypeOf(face) as object | null; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    if (!patched.has(holder) && Object.hasOwn(holder, 'fd')) return (Reflect.get(holder, 'fd', face) as number) >= 0;
  }
  return false;
}

/** Who does the work of this handle: decided at its first use. */
function oursOf(face: Face, make: Make): Ours | null {
  const known = face[kOurs];
  if (known !== undefined) return known;
  const program = NodeProgram.current();
  const ours = program === null || isOpenAlready(face) ? null : make(program);
  if (ours === null) face[kOurs] = null;
  else join(face, ours);
  return ours;
}

function patch(prototype: object, methods: readonly string[], make: Make): void {
  const holder = prototype as Record<string, Method | undefined>;
  for (const name of methods) {
    const machine = holder[name];
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      enumerable: false,
      value: function (this: Face, ...args: unknown[]) {
        const ours = oursOf(this, make);
        if (ours !== null) return (ours as unknown as Record<string, Method>)[name]?.apply(ours, args);
        return machine?.apply(this, args);
      },
    });
  }
}

/** A property that a handle of ours has otherwise. C++ has its own kind of accessors, which only look like plain properties. */
function define(prototype: object, make: Make, name: string, get: (ours: never) => unknown, set?: (ours: never, value: never) => void): void {
  const above = Object.getPrototypeOf(prototype) as object;
  Object.defineProperty(prototype, name, {
    configurable: true,
    enumerable: false,
    get(this: Face) {
      const ours = oursOf(this, make);
      return ours === null ? Reflect.get(above, name, this) : get(ours as never);
    },
    set(this: Face, value: never) {
      const ours = oursOf(this, make);
      if (ours === null) Reflect.set(above, name, value, this);
      else set?.(ours as never, value);
    },
  });
}

function patchStream(prototype: object, make: Make): void {
  patched.add(prototype);
  define(prototype, make, 'fd', (ours: StreamHandle) => ours.fd);
  define(prototype, make, 'bytesRead', (ours: StreamHandle) => ours.bytesRead);
  define(prototype, make, 'bytesWritten', (ours: StreamHandle) => ours.bytesWritten);
  define(prototype, make, 'writeQueueSize', (ours: StreamHandle) => ours.writeQueueSize);
  define(prototype, make, 'isStreamBase', () => !isReadByHttp2(2));
  // C++ calls it on the handle that has the bytes; net.js wants to be called on the one in its hand. Whoever looks finds what was
  // given: Node's agent (from 22.23 on) takes its guard off a free connection only when it finds it there.
  define(
    prototype,
    make,
    'onread',
    (ours: StreamHandle) => (ours.onread as { given?: Method } | undefined)?.given ?? ours.onread,
    (ours: StreamHandle, given: Method | undefined) => {
      ours.onread = given === undefined ? undefined : Object.assign((buffer: ArrayBuffer | undefined) => given.call(ours.face, buffer), { given });
    },
  );
}

/** Node's http2 has been loaded. */
let hasHttp2 = false;

/** The module that is `depth` frames above whoever asks. */
function stack(depth: number): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = depth;
  const { stack: text } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return text ?? '';
}

/** Is a property read by http2 itself? `depth`: how many functions lie between that code and this one, with the accessor. */
export function isReadByHttp2(depth: number): boolean {
  // Each new connection of http asks, and looking at the stack is dear.
  hasHttp2 ||= isLoaded('internal/http2/core');
  if (!hasHttp2) return false;
  // Line 0 is the error's, 1 and 2 are stack and this function.
  const line = depth + 3;
  return (stack(line).split('\n')[line] ?? '').includes('node:internal/http2/');
}

/** The standard streams of a real child process are the machine's. */
function isOfChildProcess(): boolean {
  return stack(16).includes('node:internal/child_process');
}
