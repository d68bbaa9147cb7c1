/**
 * A small web server (RFC 9112): `/` is a status page, `/bytes/N` are N bytes of a fixed pseudo-random sequence
 * (pseudo-random-bytes.ts). Connections persist, requests may be pipelined.
 */
import { IPPROTO_TCP, MSG_MORE, SHUT_WR, SO_RCVTIMEO, SOL_SOCKET, TCP_NODELAY } from '../api/posix/constants.ts';
import { isErrno } from '../api/posix/errors.ts';
import { readSockaddr } from '../api/posix/sockaddr.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';
import { type HttpRequest, parseRequest } from './http-request.ts';
import { fillPseudoRandom } from './pseudo-random-bytes.ts';
import { runService, sendAll } from './service.ts';

const HTTP_PORT = 80;
/** Request line and headers together. */
const LONGEST_HEAD = 16384;
/** A body that comes with a request is skipped; a larger one is refused. */
const LARGEST_BODY = 1 << 20;
const PIECE_BYTES = 65536;
/** A connection on which nothing arrives for this long is closed. */
const IDLE_SECONDS = 60;
const ON = new Uint8Array([1, 0, 0, 0]);
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK', 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout',
  413: 'Content Too Large', 431: 'Request Header Fields Too Large', 501: 'Not Implemented', 505: 'HTTP Version Not Supported',
};

class Statistics {
  connections = 0;
  open = 0;
  requests = 0;
  bytes = 0;
}

/** `http [PORT]`: serves until its process ends. */
export function http(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  const statistics = new Statistics();
  const converse = async (fd: number, peer: Uint8Array): Promise<void> => {
    statistics.connections++;
    statistics.open++;
    try {
      await new HttpConnection(process, fd, peer, statistics).run();
    } finally {
      statistics.open--;
    }
  };
  return runService(process, 'http', args, HTTP_PORT, listening, converse, null);
}

class HttpConnection {
  private readonly process: Syscalls;
  private readonly fd: number;
  private readonly peer: Uint8Array;
  private readonly statistics: Statistics;
  /** Bytes that have arrived and belong to no request yet. */
  private readonly input = new Uint8Array(LONGEST_HEAD);
  private held = 0;

  constructor(process: Syscalls, fd: number, peer: Uint8Array, statistics: Statistics) {
    this.process = process;
    this.fd = fd;
    this.peer = peer;
    this.statistics = statistics;
  }

  async run(): Promise<void> {
    const { process, fd } = this;
    const timeout = new Uint8Array(16);
    timeout[0] = IDLE_SECONDS;
    await process.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout);
    await process.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON);
    for (;;) {
      const length = await this.readHead();
      if (length === 0) return;
      if (length < 0) return this.refuse(-length);
      const request = parseRequest(this.input.subarray(0, length));
      this.consume(length);
      if (typeof request === 'number') return this.refuse(request);
      if (request.bodyLength > LARGEST_BODY) return this.refuse(413);
      if (!(await this.skipBody(request))) return;
      this.statistics.requests++;
      await this.answer(request);
      if (!request.keepAlive) return this.finish();
    }
  }

  /** Length of the next request's head; 0 at the end of the connection, minus a status when there will be none. */
  private async readHead(): Promise<number> {
    let from = 0;
    for (;;) {
      // RFC 9112 2.2: empty lines in front of a request are ignored.
      while (this.held > 0 && (this.input[0] === 0x0d || this.input[0] === 0x0a)) this.consume(1);
      const end = endOfHead(this.input, from, this.held);
      if (end > 0) return end;
      if (this.held === LONGEST_HEAD) return -431;
      from = Math.max(0, this.held - 3);
      try {
        const n = await this.process.recv(this.fd, this.input.subarray(this.held), 0);
        if (n === 0) return 0;
        this.held += n;
      } catch (error) {
        if (!isErrno(error, 'EAGAIN')) throw error;
        return this.held === 0 ? 0 : -408;
      }
    }
  }

  private consume(length: number): void {
    this.input.copyWithin(0, length, this.held);
    this.held -= length;
  }

  /** False when the connection ended inside the body. */
  private async skipBody(request: HttpRequest): Promise<boolean> {
    let left = request.bodyLength;
    if (left === 0) return true;
    if (request.expectsContinue) await sendAll(this.process, this.fd, encode('HTTP/1.1 100 Continue\r\n\r\n'));
    const there = Math.min(left, this.held);
    this.consume(there);
    left -= there;
    const buffer = new Uint8Array(Math.min(left, 4096));
    while (left > 0) {
      const n = await this.process.recv(this.fd, left < buffer.length ? buffer.subarray(0, left) : buffer, 0);
      if (n === 0) return false;
      left -= n;
    }
    return true;
  }

  private async answer(request: HttpRequest): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return this.sendText(request, 405, 'This server knows GET and HEAD.\n', 'Allow: GET, HEAD\r\n');
    }
    if (request.path === '/') return this.sendText(request, 200, this.statusPage());
    const bytes = /^\/bytes\/(\d{1,15})$/.exec(request.path);
    if (bytes !== null) return this.sendBytes(request, Number(bytes[1]));
    return this.sendText(request, 404, 'There are / and /bytes/N here.\n');
  }

  private statusPage(): string {
    const { connections, open, requests, bytes } = this.statistics;
    return (
      `sockscape http\n\nyou are        ${peerText(this.peer)}\nconnections    ${connections}\nopen now       ${open}\n` +
      `requests       ${requests}\nbytes sent     ${bytes}\n\n/bytes/N gives N bytes of a fixed pseudo-random sequence\n`
    );
  }

  private async sendText(request: HttpRequest, status: number, text: string, more = ''): Promise<void> {
    const body = encode(text);
    const head = encode(headOf(status, 'text/plain; charset=utf-8', body.length, request.keepAlive, more));
    if (request.method === 'HEAD') return sendAll(this.process, this.fd, head);
    const all = new Uint8Array(head.length + body.length);
    all.set(head);
    all.set(body, head.length);
    await sendAll(this.process, this.fd, all);
  }

  private async sendBytes(request: HttpRequest, length: number): Promise<void> {
    const { process, fd } = this;
    const head = encode(headOf(200, 'application/octet-stream', length, request.keepAlive, ''));
    const hasBody = request.method === 'GET' && length > 0;
    await sendAll(process, fd, head, hasBody ? MSG_MORE : 0);
    if (!hasBody) return;
    const words = new Int32Array(Math.min(PIECE_BYTES, Math.ceil(length / 4) * 4) / 4);
    const piece = new Uint8Array(words.buffer);
    for (let sent = 0; sent < length; ) {
      fillPseudoRandom(words, sent / 4);
      const n = Math.min(piece.length, length - sent);
      await sendAll(process, fd, n === piece.length ? piece : piece.subarray(0, n));
      sent += n;
      this.statistics.bytes += n;
    }
  }

  /** Says what is wrong and ends the connection: where the next request begins is not known. */
  private async refuse(status: number): Promise<void> {
    const text = encode(`${REASONS[status]}\n`);
    const head = encode(headOf(status, 'text/plain; charset=utf-8', text.length, false, ''));
    await sendAll(this.process, this.fd, head, MSG_MORE);
    await sendAll(this.process, this.fd, text);
    await this.finish();
  }

  /**
   * RFC 9112 9.6: says goodbye and reads what the client is still sending, for a while: a close with unread input would
   * be a reset, and the client would lose the answer.
   */
  private async finish(): Promise<void> {
    const { process, fd } = this;
    await process.shutdown(fd, SHUT_WR);
    let left = LARGEST_BODY;
    while (left > 0) {
      const n = await process.recv(fd, this.input, 0);
      if (n === 0) return;
      left -= n;
    }
  }
}

/** An IPv4 peer of a socket for both families is shown as what it is. */
function peerText(peer: Uint8Array): string {
  const { address, port } = readSockaddr(peer) ?? { address: '?', port: 0 };
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function headOf(status: number, type: string, length: number, keepAlive: boolean, more: string): string {
  return (
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nServer: sockscape\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n` +
    `${more}Connection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`
  );
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Where a head ends: behind an empty line (a bare LF counts as one, RFC 9112 2.2); 0 when that has not come yet. */
function endOfHead(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    if (bytes[i] !== 0x0a) continue;
    if (i + 1 < to && bytes[i + 1] === 0x0a) return i + 2;
    if (i + 2 < to && bytes[i + 1] === 0x0d && bytes[i + 2] === 0x0a) return i + 3;
  }
  return 0;
}
