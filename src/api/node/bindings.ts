/**
 * What Node's own net, dgram, dns, http and tls stand on: the classes of C++ that its JavaScript loads with
 * `internalBinding`, as far as `process.binding` gives them. Read docs/decisions/node-handles.md for why this is the seam,
 * and for what follows when `process.binding` (DEP0111) goes.
 *
 * Only shapes that this room touches are declared. Numbers of errors are libuv's, which on Linux are negative errnos.
 */

/** A request of C++: JavaScript sets `oncomplete` and keeps what it needs on it. */
export interface Request {
  /** Taken away by who does not want to hear of it any more. */
  oncomplete?(status: number, ...rest: unknown[]): void;
  /** StreamBase: an error's text, and what a write that waits has kept. */
  error?: unknown;
  buffer?: unknown;
}

/** JSStream, a StreamBase whose bytes come from JavaScript: what TLSWrap, HTTPParser and Http2Session can stand on. */
export interface JsStream {
  /** Called with an ArrayBuffer (or undefined) when bytes, an end or an error have come: see `streamBaseState`. */
  onread: ((buffer: ArrayBuffer | undefined) => unknown) | undefined;
  /** Gives bytes to whoever listens on the stream. */
  readBuffer(bytes: Uint8Array): void;
  /** Tells it of the end. */
  emitEOF(): void;
  /** Settle requests that C++ made (`onwrite`, `onshutdown`). */
  finishWrite(request: Request, status: number): void;
  finishShutdown(request: Request, status: number): void;
  useUserBuffer(bytes: Uint8Array): void;
  readonly bytesRead: number;
  getAsyncId(): number;
}

type Constructor<T> = new (...args: never[]) => T;

interface Bindings {
  js_stream: { JSStream: new () => JsStream };
  stream_wrap: {
    streamBaseState: Int32Array;
    kReadBytesOrError: number;
    kArrayBufferOffset: number;
    kBytesWritten: number;
    kLastWriteWasAsync: number;
  };
  tcp_wrap: { TCP: Constructor<object>; constants: { SOCKET: number; SERVER: number; UV_TCP_IPV6ONLY: number } };
  pipe_wrap: { Pipe: Constructor<object>; PipeConnectWrap: new () => Request; constants: Record<string, number> };
  udp_wrap: { UDP: Constructor<object>; constants: Record<string, number> };
  tls_wrap: { wrap(handle: object, ...rest: unknown[]): object };
  cares_wrap: {
    getaddrinfo(request: Request, ...rest: unknown[]): number;
    getnameinfo(request: Request, ...rest: unknown[]): number;
    ChannelWrap: Constructor<object>;
    AI_ADDRCONFIG: number;
    AI_ALL: number;
    AI_V4MAPPED: number;
    DNS_ORDER_VERBATIM?: number;
    DNS_ORDER_IPV4_FIRST?: number;
    DNS_ORDER_IPV6_FIRST?: number;
  };
}

/** The binding of that name. ERR_ACCESS_DENIED under Node's permission model, which knows none of them. */
export function binding<Name extends keyof Bindings>(name: Name): Bindings[Name] {
  const load = (process as unknown as { binding(name: string): unknown }).binding;
  return load.call(process, name) as Bindings[Name];
}

/** libuv's own errors: no errno of Linux has these numbers. */
export const Uv = { EOF: -4095, EAI_NONAME: -3008, EAI_AGAIN: -3001, EAI_FAMILY: -3005 } as const;

const { streamBaseState, kReadBytesOrError, kArrayBufferOffset, kBytesWritten, kLastWriteWasAsync } = binding('stream_wrap');

/** What `write*` leaves for net.js to read: how many bytes were taken, and whether the request's end comes later. */
export function tellWrite(bytes: number, later: boolean): void {
  streamBaseState[kBytesWritten] = bytes;
  streamBaseState[kLastWriteWasAsync] = later ? 1 : 0;
}

/** What an `onread` with bytes is about: `count` of them, from `offset` of its ArrayBuffer on. */
export function tellRead(count: number, offset: number): void {
  streamBaseState[kReadBytesOrError] = count;
  streamBaseState[kArrayBufferOffset] = offset;
}

/** What an `onread` without bytes is about: `Uv.EOF` or a negative errno. */
export function tellReadError(status: number): void {
  streamBaseState[kReadBytesOrError] = status;
}
