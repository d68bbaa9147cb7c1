/**
 * One question to the name servers: over UDP, over TCP where the answer does not fit, from server to server.
 *
 * Called by resolver.ts. The order of servers, and how long each is waited for, are those of resolv.conf(5) and of glibc's
 * res_send. Everything happens by the calls of the process alone.
 */
import {
  DNS_MAX_LEN, type DnsMessage, type DnsQuestion, dnsQuery, ednsRecord, encodeDnsMessage, Opcode, parseDnsMessage, Rcode,
} from '../../wire/dns.ts';
import { sameName } from '../../wire/dns-name.ts';
import {
  CLOCK_MONOTONIC, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, POLLIN, SO_RCVTIMEO, SO_SNDTIMEO, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM,
  SOL_SOCKET,
} from './constants.ts';
import { isErrno } from './errors.ts';
import type { NameProcess } from './name-process.ts';
import { timeval } from './option-values.ts';
import type { ResolverConfig } from './resolver-config.ts';
import { readSockaddr } from './sockaddr.ts';

/** What a datagram may have that is asked for with EDNS: glibc's choice, which no path fragments (RFC 9715 says 1400). */
const EDNS_UDP_BYTES = 1200;
const LENGTH_BYTES = 2;

/** Why there is no message: nobody answered in time, or all that answered said that they could not. */
export const NoAnswer = { Silence: 1, ServFail: 2 } as const;
export type NoAnswer = (typeof NoAnswer)[keyof typeof NoAnswer];

/** Asks until a server gives an answer that is one: something found, or the word that there is nothing. */
export async function exchange(process: NameProcess, config: ResolverConfig, question: DnsQuestion): Promise<DnsMessage | NoAnswer> {
  const asking = new Exchange(process, config, question, await randomWord(process));
  try {
    const first = config.rotate ? (await randomWord(process)) % config.servers.length : 0;
    return await asking.ask(first);
  } finally {
    await asking.close();
  }
}

/** 16 bits that nobody on the path can guess (RFC 5452 section 9.2). */
async function randomWord(process: NameProcess): Promise<number> {
  const bytes = new Uint8Array(2);
  await process.getrandom(bytes, 0);
  return (bytes[0] << 8) | bytes[1];
}

class Exchange {
  private readonly process: NameProcess;
  private readonly config: ResolverConfig;
  private readonly question: DnsQuestion;
  private readonly id: number;
  /** Off once a server did not understand it. */
  private edns: boolean;
  /** What the last server that answered had instead of an answer. */
  private failure: NoAnswer = NoAnswer.Silence;
  /** One socket to each server, kept for the next round: an answer that comes late is still one. */
  private readonly sockets: Map<number, number> = new Map();
  private readonly buffer = new Uint8Array(DNS_MAX_LEN);

  constructor(process: NameProcess, config: ResolverConfig, question: DnsQuestion, id: number) {
    this.process = process;
    this.config = config;
    this.question = question;
    this.id = id;
    this.edns = config.edns0;
  }

  async ask(first: number): Promise<DnsMessage | NoAnswer> {
    const { servers, attempts, timeoutSeconds } = this.config;
    for (let round = 0; round < attempts; round++) {
      for (let n = 0; n < servers.length; n++) {
        // res_send: the wait doubles from server to server, and is shared among them; it is the same in each round.
        const shared = n === 0 ? timeoutSeconds : Math.floor((timeoutSeconds << n) / servers.length);
        const seconds = Math.max(1, shared);
        const message = await this.askServer((first + n) % servers.length, seconds);
        if (message !== null) return message;
      }
    }
    return this.failure;
  }

  async close(): Promise<void> {
    for (const fd of this.sockets.values()) await this.process.close(fd);
  }

  /** What one server says; null when it says nothing in time, cannot be reached, or knows nothing. */
  private async askServer(server: number, seconds: number): Promise<DnsMessage | null> {
    try {
      if (this.config.useVc) return await this.askByTcp(server, seconds);
      let message = await this.askByUdp(server, seconds);
      if (message?.rcode === Rcode.FormErr && this.edns) {
        // RFC 6891 section 7: it does not know the OPT record.
        this.edns = false;
        message = await this.askByUdp(server, seconds);
      }
      if (message === null) return null;
      if (message.isTruncated) return await this.askByTcp(server, seconds);
      // As in glibc, what comes over TCP is the last word whatever it says.
      if (isUseful(message)) return message;
      this.failure = message.rcode === Rcode.ServFail ? NoAnswer.ServFail : NoAnswer.Silence;
      return null;
    } catch (error) {
      // No route, nobody at the port, a connection that broke: the next one may know. Anything else is a mistake of ours.
      if (error instanceof Error && 'syscall' in error) return null;
      throw error;
    }
  }

  private async askByUdp(server: number, seconds: number): Promise<DnsMessage | null> {
    const { process } = this;
    const deadline = (await process.clock_gettime(CLOCK_MONOTONIC)) + seconds * 1e6;
    const fd = await this.socketOf(server);
    await process.send(fd, this.query(), MSG_NOSIGNAL);
    for (;;) {
      const left = deadline - (await process.clock_gettime(CLOCK_MONOTONIC));
      if (left <= 0) return null;
      if ((await process.poll([{ fd, events: POLLIN }], Math.ceil(left / 1000))) === 0) return null;
      const count = await this.receive(fd);
      if (count < 0) continue;
      // What answers another question, or is none, may be a forgery: the true answer may still come (RFC 5452 section 9.1).
      const message = this.answerIn(this.buffer.subarray(0, count));
      if (message !== null) return message;
    }
  }

  /** The next datagram's length; -1 when there is none after all: poll(2) may say so of one whose checksum is wrong. */
  private async receive(fd: number): Promise<number> {
    try {
      return await this.process.recv(fd, this.buffer, MSG_DONTWAIT);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) return -1;
      throw error;
    }
  }

  /** The connected socket of a server: the kernel passes on only what comes from its address and port. */
  private async socketOf(server: number): Promise<number> {
    const known = this.sockets.get(server);
    if (known !== undefined) return known;
    const address = this.config.servers[server];
    const fd = await this.process.socket(familyOf(address), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    try {
      await this.process.connect(fd, address);
    } catch (error) {
      await this.process.close(fd);
      throw error;
    }
    this.sockets.set(server, fd);
    return fd;
  }

  /** RFC 7766: the same query with its length in front, and the answer likewise. */
  private async askByTcp(server: number, seconds: number): Promise<DnsMessage | null> {
    const { process } = this;
    const address = this.config.servers[server];
    const fd = await process.socket(familyOf(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    try {
      // Each step may take as long as an answer over UDP; Linux's connect waits for SO_SNDTIMEO.
      await process.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval(seconds));
      await process.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(seconds));
      await process.connect(fd, address);
      const query = this.query();
      const framed = new Uint8Array(LENGTH_BYTES + query.length);
      framed.set([query.length >> 8, query.length & 255]);
      framed.set(query, LENGTH_BYTES);
      await process.send(fd, framed, MSG_NOSIGNAL);
      const head = this.buffer.subarray(0, LENGTH_BYTES);
      if ((await process.recv(fd, head, MSG_WAITALL)) < LENGTH_BYTES) return null;
      const answer = this.buffer.subarray(0, (head[0] << 8) | head[1]);
      if ((await process.recv(fd, answer, MSG_WAITALL)) < answer.length) return null;
      return this.answerIn(answer);
    } finally {
      await process.close(fd);
    }
  }

  private query(): Uint8Array {
    const plain = dnsQuery(this.id, this.question);
    if (!this.edns) return encodeDnsMessage(plain);
    const opt = ednsRecord({ udpBytes: EDNS_UDP_BYTES, extendedRcode: 0, version: 0, dnssecOk: false, options: [] });
    return encodeDnsMessage({ ...plain, additionals: [opt] });
  }

  /** The message, if it answers our question; null for anything else. */
  private answerIn(bytes: Uint8Array): DnsMessage | null {
    const message = parseDnsMessage(bytes);
    if (typeof message === 'number' || message.id !== this.id || !message.isResponse || message.opcode !== Opcode.Query) return null;
    const { questions } = message;
    // A server that does not understand a query may send its header back and nothing else.
    if (message.rcode === Rcode.FormErr && this.edns && questions.length === 0) return message;
    const [asked] = questions;
    const { name, type, class: dnsClass } = this.question;
    const isOurs = questions.length === 1 && asked.type === type && asked.class === dnsClass && sameName(asked.name, name);
    return isOurs ? message : null;
  }
}

/**
 * Whether another server need not be asked. One that fails or refuses knows nothing; nor does one that has neither answer,
 * authority nor recursion to offer (a lame delegation).
 */
function isUseful(message: DnsMessage): boolean {
  const { rcode, answers, additionals, isAuthoritative, recursionAvailable } = message;
  if (rcode === Rcode.ServFail || rcode === Rcode.NotImp || rcode === Rcode.Refused) return false;
  return !(rcode === Rcode.NoError && answers.length === 0 && !isAuthoritative && !recursionAvailable && additionals.length === 0);
}

function familyOf(address: Uint8Array): number {
  return readSockaddr(address)?.family ?? 0;
}
