/**
 * One question of dns.resolve* on its way to the name servers, as c-ares asks it: over UDP, over TCP where the answer was
 * cut, from server to server, the wait doubled with each round through them. What a server answers is the answer, an error
 * too (Node sets ARES_FLAG_NOCHECKRESP); only silence, refusal and nonsense make it ask again.
 *
 * Called by channel-handle.ts.
 */
import timers from 'node:timers';
import { type DnsMessage, type DnsQuestion, dnsQuery, encodeDnsMessage, Opcode, parseDnsMessage } from '../../wire/dns.ts';
import { sameName } from '../../wire/dns-name.ts';
import type { QueryError } from './dns-answers.ts';
import { DnsLine } from './dns-line.ts';
import type { NodeProgram } from './node-program.ts';

/** Longer waits than this make no sense of a doubled one (a timer's greatest time). */
const LONGEST_WAIT_MS = 0x7fffffff;

export interface NameServer {
  readonly address: string;
  readonly port: number;
}

/** How a channel asks. */
export interface Asking {
  readonly servers: readonly NameServer[];
  readonly timeoutMs: number;
  /** The most that a doubled wait may be; 0 for no such limit. */
  readonly maxTimeoutMs: number;
  readonly tries: number;
  /** Local addresses of IPv4 and IPv6; null for the kernel's choice. */
  readonly from4: string | null;
  readonly from6: string | null;
}

export class DnsExchange {
  private readonly program: NodeProgram;
  private readonly asking: Asking;
  private readonly question: DnsQuestion;
  private readonly done: (answer: DnsMessage | QueryError) => void;
  private readonly id: number;
  private readonly query: Uint8Array;
  private attempt = 0;
  private failure: QueryError = 'ETIMEOUT';
  private isOver = false;
  private timer: NodeJS.Timeout | null = null;
  /** Sockets of attempts so far: an answer that comes late is still one. */
  private readonly lines: DnsLine[] = [];

  constructor(program: NodeProgram, asking: Asking, question: DnsQuestion, done: (answer: DnsMessage | QueryError) => void) {
    this.program = program;
    this.asking = asking;
    this.question = question;
    this.done = done;
    // 16 bits that nobody on the path can guess (RFC 5452 section 9.2).
    this.id = program.kernel.random() & 0xffff;
    this.query = encodeDnsMessage(dnsQuery(this.id, question));
  }

  start(): void {
    this.next();
  }

  /** Ends with this word. */
  end(answer: DnsMessage | QueryError): void {
    if (this.isOver) return;
    this.abandon();
    this.done(answer);
  }

  /** Ends, and nobody is told. */
  abandon(): void {
    this.isOver = true;
    if (this.timer !== null) timers.clearTimeout(this.timer);
    for (const line of this.lines) line.close();
  }

  /** The next attempt; ends when all have been made. */
  private next(): void {
    if (this.timer !== null) timers.clearTimeout(this.timer);
    this.timer = null;
    const { servers, timeoutMs, maxTimeoutMs, tries } = this.asking;
    while (this.attempt < servers.length * tries) {
      const round = Math.floor(this.attempt / servers.length);
      const server = servers[this.attempt % servers.length] as NameServer;
      this.attempt++;
      if (!this.ask(server, false)) continue;
      const waitMs = Math.min(timeoutMs * 2 ** round, maxTimeoutMs > 0 ? maxTimeoutMs : LONGEST_WAIT_MS);
      this.timer = timers.setTimeout(() => {
        this.timer = null;
        this.failed('ETIMEOUT');
      }, waitMs);
      return;
    }
    this.end(this.failure);
  }

  private failed(why: QueryError): void {
    if (this.isOver) return;
    this.failure = why;
    this.next();
  }

  /** False when the server cannot be asked at all. */
  private ask(server: NameServer, byTcp: boolean): boolean {
    const from = server.address.includes(':') ? this.asking.from6 : this.asking.from4;
    const line = new DnsLine(this.program, server, byTcp, from, (bytes) => this.heard(line, server, bytes));
    if (line.open(this.query) < 0) {
      this.failure = 'ECONNREFUSED';
      return false;
    }
    this.lines.push(line);
    return true;
  }

  /** A message has come, or (null) nothing can come this way any more. */
  private heard(line: DnsLine, server: NameServer, bytes: Uint8Array | null): void {
    if (this.isOver) return;
    if (bytes === null) return this.failed('ECONNREFUSED');
    // Whoever does not know the number does not answer us (RFC 5452 section 9.1).
    if (bytes.length < 2 || ((bytes[0] as number) << 8 | (bytes[1] as number)) !== this.id) return;
    const message = parseDnsMessage(bytes);
    if (typeof message === 'number') return this.failed('EBADRESP');
    if (!this.answers(message)) return;
    if (!message.isTruncated || line.isTcp) return this.end(message);
    if (!this.ask(server, true)) this.failed('ECONNREFUSED');
  }

  private answers({ isResponse, opcode, questions }: DnsMessage): boolean {
    const [asked] = questions;
    const { name, type, class: dnsClass } = this.question;
    if (!isResponse || opcode !== Opcode.Query || questions.length !== 1 || asked === undefined) return false;
    return asked.type === type && asked.class === dnsClass && sameName(asked.name, name);
  }
}
