/**
 * ping(8), in the words of iputils: echo requests over a raw socket, IPv4 and IPv6.
 *
 * options.ts reads the command line, family.ts knows the two protocols, statistics.ts counts. What an ICMP error says is
 * read from the raw socket itself, where iputils reads the error queue. **Not** there: -A, -F, -N, -R, -T.
 */
import {
  AF_INET, AF_INET6, AF_UNSPEC, CLOCK_MONOTONIC, CLOCK_REALTIME, MSG_DONTWAIT, POLLIN, SIGINT, SIGQUIT, SO_BINDTODEVICE, SO_BROADCAST,
  SO_MARK, SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET, IPPROTO_IPV6, IPV6_HOPLIMIT,
} from '../../api/posix/constants.ts';
import { readControl } from '../../api/posix/control.ts';
import { isErrno } from '../../api/posix/errors.ts';
import { type Addrinfo, getaddrinfo } from '../../api/posix/getaddrinfo.ts';
import { AI_CANONNAME } from '../../api/posix/netdb-constants.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { int32 } from '../../api/posix/option-values.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../../api/posix/sockaddr.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { nameAndAddress, numericHost, reasonOf } from '../endpoint-names.ts';
import { guarded, say, UsageFault, warn } from '../getopt.ts';
import { ICMP_HEADER_LEN } from '../icmp-words.ts';
import { PING4, PING6, type PingFamily } from './family.ts';
import { parsePing, PING_USAGE, type PingOptions } from './options.ts';
import { PingStatistics, tripTime } from './statistics.ts';

/** Data with a time stamp in front of it: `struct timeval`. */
const STAMP_BYTES = 16;
/** Users other than root have to leave this between requests. */
const LEAST_USER_INTERVAL_US = 2000;
/** A flood sends at least so often. */
const FLOOD_WAIT_US = 10_000;
/** A port that nobody is asked at: the socket that it is connected by finds the source address. */
const PROBE_PORT = 1025;
const RECEIVE_BYTES = 65536 + 128;
const encoder = new TextEncoder();

/** Ends the program with a sentence on standard error. */
class Failure extends Error {
  readonly status: number;

  constructor(message: string, status = 2) {
    super(message);
    this.status = status;
  }
}

/** `ping [OPTION...] DESTINATION`: 0 when replies came, 1 when none did, 2 for other errors. */
export function ping(process: NameProcess, args: readonly string[]): Promise<number> {
  return guarded(process, 'ping', 2, () => run(process, args));
}

async function run(process: NameProcess, args: readonly string[]): Promise<number> {
  try {
    const options = parsePing(args);
    if (options !== null) return await new Ping(process, options).run();
    await warn(process, PING_USAGE);
    return 2;
  } catch (error) {
    if (error instanceof UsageFault) {
      await warn(process, `ping: ${error.message}\n${error.showsUsage ? PING_USAGE : ''}`);
      return error.showsUsage ? 2 : 1;
    }
    if (!(error instanceof Failure)) throw error;
    await warn(process, `ping: ${error.message}\n`);
    return error.status;
  }
}

class Ping {
  private readonly process: NameProcess;
  private readonly options: PingOptions;
  private readonly statistics = new PingStatistics();
  private readonly buffer = new Uint8Array(RECEIVE_BYTES);
  private family: PingFamily = PING4;
  private fd = -1;
  private id = 0;
  private to: Uint8Array = new Uint8Array(0);
  private request: Uint8Array = new Uint8Array(0);
  private isNumeric = false;
  private isInterrupted = false;
  private wantsStatus = false;

  constructor(process: NameProcess, options: PingOptions) {
    this.process = process;
    this.options = options;
    this.isNumeric = options.numeric;
  }

  async run(): Promise<number> {
    const { process, options } = this;
    const found = await this.resolve();
    this.family = found.family === AF_INET6 ? PING6 : PING4;
    this.to = found.addr;
    const source = await this.findSource();
    await this.open(source);
    const random = new Uint8Array(2);
    await process.getrandom(random, 0);
    this.id = (random[0] << 8) | random[1];
    this.request = this.makeRequest();
    await process.sigaction(SIGINT, { handler: () => void (this.isInterrupted = true) });
    await process.sigaction(SIGQUIT, { handler: () => void (this.wantsStatus = true) });
    const name = found.canonname ?? options.destination;
    await this.sayHead(name, source);
    const status = await this.exchange();
    await say(process, this.statistics.summary(name, options.intervalUs === 0 || options.flood));
    return status;
  }

  private async resolve(): Promise<Addrinfo> {
    const { process, options } = this;
    const { destination } = options;
    const family = options.family === 0 ? AF_UNSPEC : options.family === 4 ? AF_INET : AF_INET6;
    const literal = IpAddress.parse(destination.replace(/%.*/, ''));
    if (literal !== null) this.isNumeric = true;
    try {
      const [found] = await getaddrinfo(process, destination, null, { family, socktype: SOCK_RAW, flags: AI_CANONNAME });
      return found as Addrinfo;
    } catch (error) {
      throw new Failure(`${destination}: ${reasonOf(error)}`);
    }
  }

  /** Where packets will come from: what a connected datagram socket is bound to. Refuses broadcasts that were not asked for. */
  private async findSource(): Promise<Uint8Array> {
    const { process, options, family, to } = this;
    const probe = await process.socket(family.family, SOCK_DGRAM, 0);
    try {
      const own = IpAddress.parse(options.device);
      if (own !== null) await process.bind(probe, own.isV4 ? sockaddrIn(options.device, 0) : sockaddrIn6(options.device, 0));
      else if (options.device !== '') await this.bindToDevice(probe);
      const target = readSockaddr(to) as { address: string; scopeId: number };
      const there = family === PING4 ? sockaddrIn(target.address, PROBE_PORT) : sockaddrIn6(target.address, PROBE_PORT, target.scopeId);
      try {
        await process.connect(probe, there);
      } catch (error) {
        if (!isErrno(error, 'EACCES')) throw error;
        if (!options.broadcast) throw new Failure('Do you want to ping broadcast? Then -b. If not, check your local firewall rules');
        await warn(process, 'WARNING: pinging broadcast address\n');
        await process.setsockopt(probe, SOL_SOCKET, SO_BROADCAST, int32(1));
        await process.connect(probe, there);
      }
      return await process.getsockname(probe);
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(`${isErrno(error, 'EADDRNOTAVAIL') ? 'bind' : 'connect'}: ${reasonOf(error)}`);
    } finally {
      await process.close(probe);
    }
  }

  private async bindToDevice(fd: number): Promise<void> {
    const { device } = this.options;
    try {
      await this.process.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, encoder.encode(`${device}\0`));
    } catch (error) {
      throw new Failure(`SO_BINDTODEVICE ${device}: ${reasonOf(error)}`);
    }
  }

  private async open(source: Uint8Array): Promise<void> {
    const { process, options, family } = this;
    try {
      this.fd = await family.open(process, options);
    } catch (error) {
      if (isErrno(error, 'EINVAL') && options.ttl >= 0) throw new Failure(`cannot set unicast time-to-live: ${reasonOf(error)}`);
      throw new Failure(`socket: ${reasonOf(error)}`);
    }
    const { fd } = this;
    if (options.device !== '') {
      if (IpAddress.parse(options.device) === null) await this.bindToDevice(fd);
      else {
        const { address, scopeId } = readSockaddr(source) as { address: string; scopeId: number };
        await process.bind(fd, family === PING4 ? sockaddrIn(address, 0) : sockaddrIn6(address, 0, scopeId));
      }
    }
    if (options.broadcast) await process.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, int32(1));
    if (options.mark !== 0) await process.setsockopt(fd, SOL_SOCKET, SO_MARK, int32(options.mark));
    if (options.sendBuffer > 0) await process.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, int32(options.sendBuffer));
    // Room for the replies of a flood, however large.
    await process.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(Math.max(65536, options.size * options.preload)));
    if (options.intervalUs < LEAST_USER_INTERVAL_US && (await process.geteuid()) !== 0) {
      throw new Failure('cannot flood, minimal interval for user must be >= 2 ms, use -i 0.002 (or higher)');
    }
  }

  private makeRequest(): Uint8Array {
    const { size, pattern } = this.options;
    const request = new Uint8Array(ICMP_HEADER_LEN + size);
    new DataView(request.buffer).setUint16(4, this.id);
    for (let i = 0; i < size; i++) request[ICMP_HEADER_LEN + i] = pattern === null ? i : pattern[i % pattern.length];
    return request;
  }

  private async sayHead(name: string, source: Uint8Array): Promise<void> {
    const { process, options, family, to } = this;
    const { size, device } = options;
    const address = await numericHost(process, to);
    const isV4 = family === PING4;
    let head = isV4 ? `PING ${name} (${address})` : `PING ${name}(${await nameAndAddress(process, to, this.isNumeric)})`;
    if (device !== '') {
      const isAddress = IpAddress.parse(device) !== null;
      head += ` from ${await numericHost(process, source)} ${isAddress ? '' : device}:`;
    }
    if (options.pattern !== null) {
      const words = Array.from(options.pattern, (byte) => byte.toString(16).padStart(2, '0')).join('');
      await say(process, `PATTERN: 0x${words}\n`);
    }
    await say(process, isV4 ? `${head} ${size}(${size + family.headerLen}) bytes of data.\n` : `${head} ${size} data bytes\n`);
  }

  /** Sends and receives until all is done; the exit status. */
  private async exchange(): Promise<number> {
    const { process, options, statistics } = this;
    const now = (): Promise<number> => process.clock_gettime(CLOCK_MONOTONIC);
    const began = await now();
    let nextUs = began;
    let lingerEnds = Infinity;
    let preload = options.preload;
    while (!this.isInterrupted) {
      const time = await now();
      const { transmitted, received, errors } = statistics;
      if (time >= began + options.deadlineUs || time >= lingerEnds) break;
      if (received + errors >= options.count || (options.deadlineUs < Infinity && errors > 0)) break;
      if (transmitted < options.count && time >= nextUs) {
        await this.send(time);
        if (--preload <= 0) nextUs = options.intervalUs === 0 ? time + FLOOD_WAIT_US : Math.max(nextUs + options.intervalUs, time);
        continue;
      }
      if (transmitted >= options.count && lingerEnds === Infinity && options.deadlineUs === Infinity) {
        const wait = received > 0 ? Math.max(2 * statistics.largest, options.intervalUs) : options.lingerUs;
        lingerEnds = statistics.lastSentUs + wait;
      }
      const until = Math.min(transmitted < options.count ? nextUs : Infinity, lingerEnds, began + options.deadlineUs);
      if ((await this.waitUntil(until, time)) && (await this.receiveAll()) && options.intervalUs === 0) nextUs = 0;
      if (this.wantsStatus) {
        this.wantsStatus = false;
        await warn(process, statistics.status());
      }
    }
    const { received } = statistics;
    return received === 0 || (options.deadlineUs < Infinity && options.count < Infinity && received < options.count) ? 1 : 0;
  }

  /** True when something came. poll's milliseconds are too coarse for a flood: what is left of one is slept. */
  private async waitUntil(until: number, nowUs: number): Promise<boolean> {
    const { process, fd } = this;
    const left = until - nowUs;
    try {
      if ((await process.poll([{ fd, events: POLLIN }], left === Infinity ? -1 : Math.max(0, Math.floor(left / 1000)))) > 0) return true;
      if (left < 1000) await process.sleep(left);
      return false;
    } catch (error) {
      if (!isErrno(error, 'EINTR')) throw error;
      return false;
    }
  }

  private async send(nowUs: number): Promise<void> {
    const { process, options, statistics, request } = this;
    if (options.outstanding && statistics.transmitted > 0 && !statistics.hasSeen(statistics.transmitted)) {
      await say(process, `${await this.stamp()}no answer yet for icmp_seq=${statistics.transmitted & 0xffff}\n`);
    }
    statistics.sent(nowUs);
    const view = new DataView(request.buffer);
    view.setUint16(6, statistics.transmitted & 0xffff);
    if (options.size >= STAMP_BYTES) {
      const seconds = Math.floor(nowUs / 1e6);
      view.setUint32(ICMP_HEADER_LEN, seconds, true);
      view.setUint32(ICMP_HEADER_LEN + 4, 0, true);
      view.setUint32(ICMP_HEADER_LEN + 8, Math.floor(nowUs - seconds * 1e6), true);
      view.setUint32(ICMP_HEADER_LEN + 12, 0, true);
    }
    this.family.finishRequest(request);
    try {
      await process.sendto(this.fd, request, 0, this.to);
      if (options.flood && !options.quiet) await say(process, '.');
    } catch (error) {
      if (isErrno(error, 'EINTR')) return;
      statistics.errors++;
      const sentence = isErrno(error, 'EMSGSIZE') ? 'local error: message too long' : `sendmsg: ${reasonOf(error)}`;
      if (!options.quiet && !options.flood) await warn(process, `ping: ${sentence}\n`);
    }
  }

  /** Takes all that waits; true when a reply was among it. */
  private async receiveAll(): Promise<boolean> {
    const { process, buffer } = this;
    let any = false;
    for (;;) {
      try {
        const { count, name, control } = await process.recvmsg(this.fd, [buffer], MSG_DONTWAIT, 28, 64);
        const time = await process.clock_gettime(CLOCK_MONOTONIC);
        const hops = readControl(control).find(({ level, type }) => level === IPPROTO_IPV6 && type === IPV6_HOPLIMIT);
        const bytes = buffer.subarray(0, count);
        const message = this.family.read(bytes, hops?.data[0] ?? -1, this.id);
        if (message === null) continue;
        any = true;
        if (message.error !== null) await this.error(message.sequence, message.error, name);
        else await this.reply(message.sequence, message.ttl, message.icmp, name, time);
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return any;
        if (!isErrno(error, 'EINTR') && !isErrno(error, 'ECONNREFUSED') && !isErrno(error, 'EHOSTUNREACH')) throw error;
      }
    }
  }

  private async reply(sequence: number, ttl: number, icmp: Uint8Array, from: Uint8Array, nowUs: number): Promise<void> {
    const { process, options, statistics } = this;
    let trip = -1;
    if (options.size >= STAMP_BYTES && icmp.length >= ICMP_HEADER_LEN + STAMP_BYTES) {
      const view = new DataView(icmp.buffer, icmp.byteOffset);
      const sentUs = view.getUint32(ICMP_HEADER_LEN, true) * 1e6 + view.getUint32(ICMP_HEADER_LEN + 8, true);
      trip = Math.max(0, Math.floor(nowUs - sentUs));
    }
    const isRepeat = statistics.reply(sequence, trip);
    if (options.quiet) return;
    if (options.flood) return void (await say(process, '\b \b'));
    let line = `${await this.stamp()}${icmp.length} bytes from ${await nameAndAddress(process, from, this.isNumeric)}: icmp_seq=${sequence}`;
    if (options.verbose) line += ` ident=${this.id}`;
    if (ttl >= 0) line += ` ttl=${ttl}`;
    if (icmp.length < this.request.length) line += ' (truncated)';
    if (trip >= 0) line += ` time=${tripTime(trip)} ms`;
    if (isRepeat) line += ' (DUP!)';
    await say(process, `${line}${this.differenceIn(icmp)}${options.audible ? '\x07' : ''}\n`);
  }

  /** What is said of data that comes back changed. */
  private differenceIn(icmp: Uint8Array): string {
    const { request } = this;
    const from = ICMP_HEADER_LEN + (this.options.size >= STAMP_BYTES ? STAMP_BYTES : 0);
    for (let i = from; i < Math.min(icmp.length, request.length); i++) {
      if (icmp[i] === request[i]) continue;
      const word = (byte: number): string => `0x${byte.toString(16)}`;
      return `\nwrong data byte #${i - ICMP_HEADER_LEN} should be ${word(request[i])} but was ${word(icmp[i])}`;
    }
    return '';
  }

  private async error(sequence: number, words: string, from: Uint8Array): Promise<void> {
    const { process, options, statistics } = this;
    statistics.errors++;
    // iputils does so for IPv4 alone.
    if (this.family === PING4) statistics.acknowledge(sequence);
    if (options.quiet) return;
    if (options.flood) return void (await say(process, '\bE'));
    const sender = await nameAndAddress(process, from, this.isNumeric);
    await say(process, `${await this.stamp()}From ${sender} icmp_seq=${sequence} ${words}\n`);
  }

  /** -D's. */
  private async stamp(): Promise<string> {
    if (!this.options.timestamps) return '';
    const us = await this.process.clock_gettime(CLOCK_REALTIME);
    const seconds = Math.floor(us / 1e6);
    return `[${seconds}.${String(Math.floor(us - seconds * 1e6)).padStart(6, '0')}] `;
  }
}
