/**
 * Puts our handles under Node's own net, dgram, dns, http, https, http2 and tls: before they load, in their place on the
 * bindings that these load (docs/decisions/node-handles.md). Done once for the whole process; from then on each handle is
 * ours or the machine's, by the async context in which it is made.
 *
 *   process.binding('tcp_wrap').TCP      -> TcpHandle where a program of a host runs, else Node's own class
 *   process.binding('tls_wrap').wrap     -> tells a handle of ours who stands on it
 */
import { createRequire } from 'node:module';
import { binding } from './bindings.ts';
import { NodeProgram } from './node-program.ts';
import { installChannel } from './channel-handle.ts';
import { isLoaded } from './loaded-modules.ts';
import { behind, installInPlace, isReadByHttp2 } from './in-place.ts';
import { installMachineFacts } from './machine-facts.ts';
import { watchOtherProcesses } from './other-processes.ts';
import { PipeHandle } from './pipe-handle.ts';
import { installResolver } from './resolver.ts';
import { divideAgents, divideFetch } from './shared-clients.ts';
import { StreamHandle } from './stream-handle.ts';
import { TcpHandle } from './tcp-handle.ts';
import { UdpHandle } from './udp-handle.ts';

type HandleClass = new (...args: unknown[]) => object;

/** Modules that take the classes from the bindings when they load, and keep them. */
const TAKERS = ['net', 'dgram'] as const;
let isInstalled = false;

/** Puts them in place: on the bindings, or in the handles themselves where net or dgram have been loaded before. */
export function installHandles(): void {
  if (isInstalled) return;
  isInstalled = true;
  if (TAKERS.some(isLoaded)) installInPlace();
  else installOnBindings();
  watchTls();
  watchHttp();
  installResolver();
  installChannel();
  keepStandardStreams();
  installMachineFacts();
  divideAgents();
  divideFetch();
  watchOtherProcesses();
}

function installOnBindings(): void {
  const tcp = binding('tcp_wrap');
  const { SERVER } = tcp.constants;
  replace(tcp, 'TCP', (program, type) => new TcpHandle(program, type === SERVER), TcpHandle);
  const pipe = binding('pipe_wrap');
  const pipeServer = pipe.constants['SERVER'];
  replace(pipe, 'Pipe', (program, type) => new PipeHandle(program, type === pipeServer), PipeHandle);
  replace(binding('udp_wrap'), 'UDP', (program) => new UdpHandle(program), UdpHandle);
}

/**
 * `holder[name]` becomes a class that makes a handle of the program that runs, or Node's own one where none does. Its
 * instances are both kinds: net.js asks `handle instanceof TCP`.
 *
 * child_process takes Pipe for the standard streams of real processes: it keeps Node's own.
 */
function replace(holder: object, name: string, make: (program: NodeProgram, type: unknown) => object, ours: object): void {
  const Machine = (holder as Record<string, HandleClass>)[name] as HandleClass;
  const ourClass = ours as unknown as HandleClass;
  function Handle(...args: unknown[]): object {
    const program = NodeProgram.current();
    return program === null ? new Machine(...args) : make(program, args[0]);
  }
  Object.defineProperty(Handle, 'name', { value: name });
  Object.defineProperty(Handle, Symbol.hasInstance, {
    value: (value: unknown) => value instanceof Machine || value instanceof ourClass,
  });
  // Who changes the methods of handles (instrumentation does) means those of the program that he runs in.
  Handle.prototype = ourClass.prototype;
  Object.defineProperty(holder, name, {
    configurable: true,
    enumerable: true,
    get: () => (isForChildProcess() ? Machine : Handle),
  });
}

/** Is the property read by internal/child_process, which loads but once? */
function isForChildProcess(): boolean {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 4;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack?.includes('node:internal/child_process') === true;
}

/** The process's standard streams are made when they are first used, whoever uses them, and stay the machine's. */
function keepStandardStreams(): void {
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    const property = Object.getOwnPropertyDescriptor(process, name);
    const get = property?.get;
    if (get === undefined) continue;
    Object.defineProperty(process, name, { ...property, get: () => NodeProgram.runOutside(() => get.call(process)) });
  }
}

/** JSStream has no event for errors: what stands on a handle hears of them from the handle itself. */
function watchTls(): void {
  const tls = binding('tls_wrap');
  const wrap = tls.wrap;
  tls.wrap = (handle: object, ...rest: unknown[]): object => {
    const ours = behind(handle);
    const above = wrap.call(tls, ours, ...rest);
    if (ours instanceof StreamHandle) ours.above = above;
    return above;
  };
}

/** Who has its bytes taken by C++ gets them through it. */
function watchHttp(): void {
  // http2 asks every stream whether it is one of C++ before its session stands on it, for good.
  Object.defineProperty(StreamHandle.prototype, 'isStreamBase', {
    configurable: true,
    get(this: StreamHandle) {
      if (isReadByHttp2(1)) this.isConsumed = true;
      return true;
    },
  });
  const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: { prototype: Parser } };
  const { consume, free, unconsume } = HTTPParser.prototype;
  // Node frees the parser before it tells of an upgrade, and with it the async resource that the listener runs in.
  HTTPParser.prototype.free = function () {
    NodeProgram.keepThrough(() => free.call(this));
  };
  const consumed: WeakMap<object, StreamHandle> = new WeakMap();
  HTTPParser.prototype.consume = function (handle) {
    const ours = behind(handle);
    if (ours instanceof StreamHandle) {
      ours.isConsumed = true;
      consumed.set(this, ours);
    }
    consume.call(this, ours);
  };
  HTTPParser.prototype.unconsume = function () {
    const ours = consumed.get(this);
    if (ours !== undefined) ours.isConsumed = false;
    consumed.delete(this);
    unconsume.call(this);
  };
}

interface Parser {
  consume(handle: object): void;
  free(): void;
  unconsume(): void;
}
