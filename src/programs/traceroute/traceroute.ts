/**
 * traceroute(8), in the words of Debian's: which routers a packet passes on its way to a host.
 *
 * Several probes are on their way at the same time (-N), and are shown in their order. options.ts reads the command line,
 * methods.ts sends and hears, probe.ts keeps. **Not** there: -A, -D, -e, -g, -l, -M, -O, -P, -T, --back, --mtu.
 */
import { AF_INET, AF_UNSPEC, CLOCK_MONOTONIC, SOCK_DGRAM } from '../../api/posix/constants.ts';
import { isErrno } from '../../api/posix/errors.ts';
import { type Addrinfo, getaddrinfo } from '../../api/posix/getaddrinfo.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { nameOfHost, numericHost, reasonOf } from '../endpoint-names.ts';
import { guarded, say, UsageFault, warn } from '../getopt.ts';
import { IcmpMethod, type Method, PROBE_EVENTS, UdpMethod } from './methods.ts';
import { parseTraceroute, TRACEROUTE_USAGE, type TracerouteOptions } from './options.ts';
import { Probe } from './probe.ts';

const HEADER4 = 20, HEADER6 = 40;
/** Of UDP and of ICMP. */
const INNER_HEADER = 8;
const DEFAULT_DATA = 40;
/** Added to the time that another probe took, before it is multiplied. */
const LEAST_WAIT_US = 1000;
/** How often a probe is sent again because a later hop shows that the target does not answer all. */
const MOST_RETRIES = 2;

/** `traceroute [OPTION...] HOST [PACKETLEN]`: 0, 1 when probes cannot be sent, 2 when it is called wrongly. */
export function traceroute(process: NameProcess, args: readonly string[]): Promise<number> {
  return guarded(process, 'traceroute', 1, () => main(process, args));
}

async function main(process: NameProcess, args: readonly string[]): Promise<number> {
  let options: TracerouteOptions | null;
  try {
    options = parseTraceroute(args);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    const [, letter] = /^invalid option -- '(.)'$/.exec(error.message) ?? [];
    const at = args.findIndex((word) => /^-[^-]/.test(word) && letter !== undefined && word.includes(letter)) + 1;
    await warn(process, letter === undefined ? `${error.message}\n` : `Bad option \`-${letter}' (argc ${at})\n`);
    return 2;
  }
  if (options === null) {
    await say(process, TRACEROUTE_USAGE);
    return 0;
  }
  let found: Addrinfo[];
  try {
    found = await getaddrinfo(process, options.host, null, { family: options.family, socktype: SOCK_DGRAM });
  } catch (error) {
    const position = `on position 1 (argc ${args.indexOf(options.host) + 1})`;
    await warn(process, `${options.host}: ${reasonOf(error)}\nCannot handle "host" cmdline arg \`${options.host}' ${position}\n`);
    return 2;
  }
  // IPv4 first, unless somebody says otherwise.
  const target = (options.family === AF_UNSPEC && found.find(({ family }) => family === AF_INET)) || found[0];
  return new Traceroute(process, options, target).run();
}

class Traceroute {
  private readonly process: NameProcess;
  private readonly options: TracerouteOptions;
  private readonly address: Uint8Array;
  private readonly packetLength: number;
  private readonly probes: Probe[] = [];
  private readonly method: Method;
  private readonly names = new Map<string, string>();

  constructor(process: NameProcess, options: TracerouteOptions, { addr, family }: Addrinfo) {
    this.process = process;
    this.options = options;
    this.address = addr;
    const isV4 = family === AF_INET;
    const headers = (isV4 ? HEADER4 : HEADER6) + INNER_HEADER;
    this.packetLength = Math.max(headers, options.packetLength < 0 ? headers - INNER_HEADER + DEFAULT_DATA : options.packetLength);
    const target = { address: addr, isV4, dataLength: this.packetLength - headers };
    this.method = options.method === 'icmp' ? new IcmpMethod(process, options, target) : new UdpMethod(process, options, target);
    for (let ttl = 1; ttl <= options.maxHops; ttl++) for (let i = 0; i < options.queries; i++) this.probes.push(new Probe(ttl));
  }

  async run(): Promise<number> {
    const { process, options, probes, method } = this;
    const { host, maxHops, queries } = options;
    await say(process, `traceroute to ${host} (${await numericHost(process, this.address)}), ${maxHops} hops max, ${this.packetLength} byte packets`);
    let start = (options.firstHop - 1) * queries;
    let end = probes.length;
    let lastSentUs = -Infinity;
    try {
      while (start < end) {
        const now = await process.clock_gettime(CLOCK_MONOTONIC);
        let nextUs = Infinity;
        let flying = 0;
        for (let n = start; n < end && flying < options.simultaneous; n++) {
          const probe = probes[n];
          if (!probe.isDone && probe.sentUs >= 0) {
            const expires = probe.sentUs + this.patience(n);
            if (expires > now) nextUs = Math.min(nextUs, expires);
            else await this.expire(n);
          }
          if (probe.isDone) {
            if (n === start) await this.show(start++);
            if (probe.isFinal) end = (Math.floor(n / queries) + 1) * queries;
            continue;
          }
          if (probe.sentUs < 0) {
            if (now - lastSentUs < options.sendWaitUs) {
              nextUs = Math.min(nextUs, lastSentUs + options.sendWaitUs);
              break;
            }
            await method.send(probe);
            lastSentUs = probe.sentUs;
            nextUs = Math.min(nextUs, probe.sentUs + this.patience(n));
          }
          flying++;
        }
        if (nextUs < Infinity) await this.wait(nextUs);
      }
    } catch (error) {
      const { syscall } = error as { syscall?: string };
      await warn(process, `\n${syscall ?? 'send'}: ${reasonOf(error)}\n`);
      return 1;
    } finally {
      await method.close();
    }
    await say(process, '\n');
    return 0;
  }

  /** Waits until something comes, or until then. */
  private async wait(untilUs: number): Promise<void> {
    const { process, method } = this;
    const left = untilUs - (await process.clock_gettime(CLOCK_MONOTONIC));
    const fds = method.descriptors().map((fd) => ({ fd, events: PROBE_EVENTS, revents: 0 }));
    try {
      await process.poll(fds, Math.max(0, Math.ceil(left / 1000)));
    } catch (error) {
      if (!isErrno(error, 'EINTR')) throw error;
    }
    for (const { fd, revents } of fds) if (revents !== 0) await method.receive(fd);
  }

  /** How long this probe is waited for: by what others of its hop, or of later hops, took. */
  private patience(n: number): number {
    const { probes } = this;
    const { waitUs, hereFactor, nearFactor, queries } = this.options;
    const took = (probe: Probe): number => (probe.isDone && probe.receivedUs >= 0 ? probe.receivedUs - probe.sentUs : -1);
    const first = n - (n % queries);
    if (hereFactor > 0) {
      for (let i = first; i < first + queries; i++) {
        const time = took(probes[i]);
        if (time >= 0) return Math.min(waitUs, (time + LEAST_WAIT_US) * hereFactor);
      }
    }
    if (nearFactor > 0) {
      for (let i = n + 1; i < probes.length && probes[i].sentUs >= 0; i++) {
        const time = took(probes[i]);
        if (time >= 0) return Math.min(waitUs, (time + LEAST_WAIT_US) * nearFactor);
      }
    }
    return waitUs;
  }

  /**
   * Nobody answered in time. When a later hop has come to the end and nothing of this hop speaks against it, the target may
   * have answered too many at a time (it sends so many errors and no more): the probe is sent again.
   */
  private async expire(n: number): Promise<void> {
    const { probes, method } = this;
    const { queries } = this.options;
    const probe = probes[n];
    await method.forget(probe);
    probe.isDone = true;
    const first = n - (n % queries);
    let hasFinalBefore = false;
    for (let i = first; i < n; i++) {
      if (!probes[i].isDone || !probes[i].isFinal) return;
      hasFinalBefore = true;
    }
    let final = -1;
    for (let i = n + 1; i < probes.length && probes[i].sentUs >= 0; i++) {
      if (!probes[i].isDone || probes[i].from === null) continue;
      if (!probes[i].isFinal) return;
      final = i;
      break;
    }
    if (final < 0) return;
    if (hasFinalBefore || final < first + queries) probe.isFinal = true;
    else if (probe.retries < MOST_RETRIES) probe.takeBack();
  }

  private async show(n: number): Promise<void> {
    const { process, probes } = this;
    const { queries } = this.options;
    const probe = probes[n];
    const place = n % queries;
    let text = place === 0 ? `\n${String(probe.ttl).padStart(2)} ` : '';
    if (probe.from === null) text += ' *';
    else {
      let before = n - 1;
      while (before >= n - place && probes[before].from === null) before--;
      const last = before >= n - place ? probes[before].from : null;
      const address = await numericHost(process, probe.from);
      if (last === null || (await numericHost(process, last)) !== address) text += ` ${await this.nameOf(probe.from, address)}`;
      text += `  ${((probe.receivedUs - probe.sentUs) / 1000).toFixed(3)} ms`;
      if (probe.remark !== '') text += ` ${probe.remark}`;
    }
    await say(process, text);
  }

  private async nameOf(from: Uint8Array, address: string): Promise<string> {
    if (this.options.numeric) return address;
    let name = this.names.get(address);
    if (name === undefined) {
      name = (await nameOfHost(this.process, from)) ?? address;
      this.names.set(address, name);
    }
    return `${name} (${address})`;
  }
}
