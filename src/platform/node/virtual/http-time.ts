/**
 * What http and http2 tell of the time by themselves, and what they judge by it: the `Date:` headers, which Node keeps for
 * a second of the machine's, `headersTimeout` and `requestTimeout`, which C++ measures, and the duration of an http2 ping.
 *
 * Both modules are big, and are looked at only once they have been loaded by who needs them: before a server of a program
 * listens or a client of it connects, and when a program begins.
 */
import { createRequire } from 'node:module';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { isLoaded } from '../../../api/node/loaded-modules.ts';
import { ownCalls } from '../../../api/node/machine-timers.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import { virtualMs, virtualProgram } from './clocks.ts';

const require = createRequire(import.meta.url);
type Followed = (this: Record<string | symbol, unknown>, ...args: unknown[]) => unknown;

let hasHttp = false;
let hasHttp2 = false;

/** Called once, before programs run. */
export function installHttpTime(): void {
  const { listen } = net.Server.prototype;
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    if (!(hasHttp && hasHttp2) && virtualProgram() !== null) followHttp();
    return connect.apply(this, args as never);
  } as typeof connect;
  net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
    if (virtualProgram() !== null) followHttp();
    return listen.apply(this, args as never);
  } as typeof listen;
}

/** Makes http and http2 follow the world where they have been loaded. */
export function followHttp(): void {
  if (hasHttp && hasHttp2) return;
  if (!hasHttp && isLoaded('_http_server')) {
    hasHttp = true;
    followDates();
    followConnections();
  }
  if (!hasHttp2 && isLoaded('internal/http2/core') && isLoaded('http2')) {
    hasHttp2 = true;
    followHttp2();
  }
}

/** `holder[name]` becomes what `make` makes of it. */
function wrap(holder: object, name: string, make: (machine: Followed) => Followed): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name) ?? { configurable: true, writable: true, enumerable: false };
  Object.defineProperty(holder, name, { ...descriptor, value: make((holder as Record<string, Followed>)[name] as Followed) });
}

const utcDate = (ms: number): string => new Date(ms).toUTCString();

const isDate = (name: unknown): boolean => typeof name === 'string' && name.length === 4 && name.toLowerCase() === 'date';

/** Do these headers, in any of the shapes that `writeHead` takes, have a Date? */
function haveDate(headers: unknown): boolean {
  if (headers === null || typeof headers !== 'object') return false;
  if (!Array.isArray(headers)) return Object.keys(headers).some(isDate);
  if (Array.isArray(headers[0])) return headers.some((entry) => isDate(entry?.[0]));
  return headers.some((name, i) => i % 2 === 0 && isDate(name));
}

/** http: Node writes the line at its place, and the date in it becomes the world's. */
function followDates(): void {
  const { OutgoingMessage } = require('node:http') as { OutgoingMessage: { prototype: object } };
  wrap(OutgoingMessage.prototype, '_storeHeader', (store) => function (firstLine, headers) {
    const ms = this['sendDate'] === true ? virtualMs() : null;
    if (ms === null || haveDate(headers)) return store.call(this, firstLine, headers);
    // Node's date is kept for a second of the machine's, also for servers outside of every world: its timer stays there.
    ownCalls.isMaking = true;
    try {
      store.call(this, firstLine, headers);
    } finally {
      ownCalls.isMaking = false;
    }
    this['_header'] = (this['_header'] as string).replace(/\r\nDate: [^\r]*/, `\r\nDate: ${utcDate(ms)}`);
    return undefined;
  });
}

interface Parser {
  /** The request: a new one when the headers of a message are complete. */
  incoming: object | null;
  /** When its message began, in microseconds of the world. */
  [kBegan]?: number;
  /** The request before that message. */
  [kBefore]?: object | null;
  /** The message has been judged and found too late. */
  [kIsLate]?: boolean;
}

interface ConnectionsList {
  active(): Parser[];
}

const kBegan = Symbol('sockscape message began');
const kBefore = Symbol('sockscape message before');
const kIsLate = Symbol('sockscape message is late');

/**
 * headersTimeout and requestTimeout: C++ keeps when a message began, and compares with its own clock. We keep it by ours. It is
 * told of by calling `kOnMessageBegin` of the parser, which Node's JavaScript leaves unset.
 */
function followConnections(): void {
  const { HTTPParser } = require('node:_http_common') as { HTTPParser: { prototype: object; kOnMessageBegin: number } };
  const { prototype } = HTTPParser;
  const begins = function (this: Parser): void {
    const program = virtualProgram();
    if (program === null) return;
    this[kBegan] = program.host.loop.now;
    this[kBefore] = this.incoming ?? null;
    this[kIsLate] = false;
  };
  const kOnMessageBegin = HTTPParser.kOnMessageBegin | 0;
  let isFound = false;
  wrap(prototype, 'initialize', (initialize) => function (...args) {
    // A connection that says nothing is late, too: Node counts from here.
    if (virtualProgram() !== null) {
      begins.call(this as unknown as Parser);
      // Node takes it away when it keeps the parser for another connection.
      (this as Record<number, unknown>)[kOnMessageBegin] = begins;
    }
    const list = args.find((arg) => typeof (arg as { expired?: unknown } | null | undefined)?.expired === 'function') as object | undefined;
    if (list !== undefined && !isFound) {
      isFound = true;
      wrap(Object.getPrototypeOf(list) as object, 'expired', followExpired);
    }
    return initialize.apply(this, args);
  });
}

/** What ConnectionsList::Expired does, by the world's clock. */
function followExpired(expired: Followed): Followed {
  return function (...args) {
    const program = virtualProgram();
    if (program === null) return expired.apply(this, args);
    const [headersMs, requestMs] = args as [number, number];
    const { now } = program.host.loop;
    const late = (this as unknown as ConnectionsList).active().filter((parser) => {
      const age = (now - (parser[kBegan] ?? now)) / 1000;
      const { incoming } = parser;
      const isComplete = incoming !== null && incoming !== undefined && incoming !== parser[kBefore];
      return parser[kIsLate] !== true && ((headersMs > 0 && !isComplete && age > headersMs) || (requestMs > 0 && age > requestMs));
    });
    for (const parser of late) parser[kIsLate] = true;
    return late;
  };
}

/** http2: the class of sessions shows in one that is never connected, that of streams when the first comes to a server. */
function followHttp2(): void {
  const http2 = require('node:http2') as typeof import('node:http2');
  NodeProgram.runOutside(() => {
    const session = http2.connect('http://nowhere', { createConnection: () => new PassThrough() });
    session.on('error', () => {});
    followPing(Object.getPrototypeOf(Object.getPrototypeOf(session)) as object);
    session.destroy();
  });
  let hasStream = false;
  const servers = [http2.createServer(), http2.createSecureServer({ allowHTTP1: false })].map((server) => Object.getPrototypeOf(server) as object);
  for (const prototype of servers) {
    wrap(prototype, 'emit', (emit) => function (event, ...args) {
      if (event === 'stream' && !hasStream) {
        hasStream = true;
        followRespond(Object.getPrototypeOf(args[0]) as object);
      }
      return emit.call(this, event, ...args);
    });
  }
}

/** Eight bytes that stand in a ping whose caller gives none: Node has the time in them, in nanoseconds of its clock. */
function pingPayload(nowUs: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(nowUs) * 1000n);
  return bytes;
}

function followPing(session: object): void {
  wrap(session, 'ping', (ping) => function (...args) {
    const program = virtualProgram();
    const done = args.at(-1);
    if (program === null || typeof done !== 'function') return ping.apply(this, args);
    const { loop } = program.host;
    const began = loop.now;
    const given = args.length > 1 && args[0] ? args[0] : pingPayload(began);
    return ping.call(this, given, (error: unknown, _ms: number, payload: unknown) => {
      done(error, error === null ? (loop.now - began) / 1000 : 0, payload);
    });
  });
}

function followRespond(stream: object): void {
  /** `headers` at this place among the arguments, and the options behind it. */
  for (const [name, at] of [['respond', 0], ['respondWithFD', 1], ['respondWithFile', 1]] as const) {
    wrap(stream, name, (respond) => function (...args) {
      const ms = virtualMs();
      const { sendDate } = (args[at + 1] ?? {}) as { sendDate?: unknown };
      if (ms !== null && (sendDate === undefined || sendDate === null || Boolean(sendDate))) args[at] = dated(args[at], utcDate(ms));
      return respond.apply(this, args);
    });
  }
}

function dated(headers: unknown, date: string): unknown {
  if (headers === undefined || headers === null) return { date };
  // What is no object, Node complains of.
  if (typeof headers !== 'object') return headers;
  if (Array.isArray(headers)) return haveDate(headers) ? headers : [...headers, 'date', date];
  const { date: given } = headers as { date?: unknown };
  return given === undefined || given === null ? { ...headers, date } : headers;
}
