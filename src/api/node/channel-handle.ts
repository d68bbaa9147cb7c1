/**
 * dns.resolve* and dns.reverse below Node's dns: `cares_wrap.ChannelWrap`, a channel of c-ares, answered by the name servers
 * of the host (its /etc/resolv.conf, or those that `setServers` names), over its network.
 *
 * Whose a question is follows the async context in which it is asked: the channel of `dns` itself is one for the process, so
 * servers and local addresses are kept for each program.
 */
import { AsyncResource } from 'node:async_hooks';
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { labelsOf, reverseName } from '../../wire/dns-name.ts';
import { DNS_PORT } from '../../wire/dns.ts';
import { DnsClass, DnsType } from '../../wire/dns-record.ts';
import { binding, type Request } from './bindings.ts';
import { errorOf, QUERIES, type QueryError, type QueryResult } from './dns-answers.ts';
import { DnsExchange, type NameServer } from './dns-exchange.ts';
import { Hold } from './hold.ts';
import { NodeProgram } from './node-program.ts';

/** c-ares's own defaults. */
const TIMEOUT_MS = 2000;
const TRIES = 3;
/** Node's DNS_ESETSRVPENDING. */
const PENDING = -1000;
/** MAXNS of <resolv.h>. */
const MAX_SERVERS = 3;

type ServerTuple = [family: number, address: string, port: number];

interface QueryRequest extends Request {
  oncomplete(error: number, ...rest: unknown[]): void;
}

/** What a program has set on a channel, and what it waits for. */
class ChannelState {
  servers: readonly NameServer[] | null = null;
  from4: string | null = null;
  from6: string | null = null;
  readonly asked: Set<DnsExchange> = new Set();
}

/** What a channel was made with: `timeout`, `tries`, and (Node 24) the greatest timeout. */
type ChannelArguments = readonly number[];

/** Channels by Node's own objects, which stay: dns may have made its first before us. */
const channels: WeakMap<object, Channel> = new WeakMap();

type Method = (this: object, ...args: unknown[]) => unknown;

export function installChannel(): void {
  const cares = binding('cares_wrap');
  const MachineChannel = cares.ChannelWrap as unknown as new (...args: number[]) => object;
  const prototype = MachineChannel.prototype as Record<string, Method | undefined>;
  for (const name of ['getServers', 'setServers', 'setLocalAddress', 'cancel', 'getHostByAddr', ...Object.keys(QUERIES)]) {
    const machine = prototype[name];
    // Each Node has its own set of them.
    if (machine === undefined) continue;
    const ours = (channel: Channel, program: NodeProgram, args: unknown[]): unknown => {
      if (name in QUERIES) return channel.query(program, name, args[0] as QueryRequest, args[1] as string);
      return (channel as unknown as Record<string, Method>)[name]?.call(channel, program, ...args);
    };
    Object.defineProperty(prototype, name, {
      configurable: true, writable: true, enumerable: false,
      value: function (this: object, ...args: unknown[]) {
        const program = NodeProgram.current();
        return program === null ? machine.apply(this, args) : ours(channelOf(this), program, args);
      },
    });
  }
  class ChannelWrap extends MachineChannel {
    constructor(...args: number[]) {
      super(...args);
      channels.set(this, new Channel(args));
    }
  }
  Object.defineProperty(cares, 'ChannelWrap', { configurable: true, enumerable: true, writable: true, value: ChannelWrap });
}

function channelOf(machine: object): Channel {
  let channel = channels.get(machine);
  if (channel === undefined) {
    channel = new Channel([]);
    channels.set(machine, channel);
  }
  return channel;
}

class Channel {
  private readonly timeoutMs: number;
  private readonly tries: number;
  private readonly maxTimeoutMs: number;
  private readonly states: WeakMap<NodeProgram, ChannelState> = new WeakMap();

  constructor([timeout = -1, tries = -1, maxTimeout = 0]: ChannelArguments) {
    this.timeoutMs = timeout > 0 ? timeout : TIMEOUT_MS;
    this.tries = tries > 0 ? tries : TRIES;
    this.maxTimeoutMs = maxTimeout;
  }

  private stateOf(program: NodeProgram): ChannelState {
    let state = this.states.get(program);
    if (state === undefined) {
      state = new ChannelState();
      this.states.set(program, state);
    }
    return state;
  }

  getServers(program: NodeProgram): unknown[] {
    return this.serversOf(program).map(({ address, port }) => [address, port]);
  }

  setServers(program: NodeProgram, servers: readonly ServerTuple[]): number {
    const state = this.stateOf(program);
    if (state.asked.size > 0) return PENDING;
    state.servers = servers.map(([, address, port]) => ({ address, port }));
    return 0;
  }

  private serversOf(program: NodeProgram): readonly NameServer[] {
    return this.stateOf(program).servers ?? configuredServers(program);
  }

  setLocalAddress(program: NodeProgram, first: string, second?: string): void {
    const addresses = [first, ...(second === undefined ? [] : [second])];
    const isV4 = addresses.map((text) => {
      const address = IpAddress.parse(text);
      // Node's own word: it comes out of C++.
      if (address === null) throw Object.assign(new TypeError('Invalid IP address.'), { code: 'ERR_INVALID_ARG_VALUE' });
      return address.isV4;
    });
    if (isV4.length === 2 && isV4[0] === isV4[1]) {
      const family = isV4[0] ? 'IPv4' : 'IPv6';
      throw Object.assign(new TypeError(`Cannot specify two ${family} addresses.`), { code: 'ERR_INVALID_ARG_VALUE' });
    }
    const state = this.stateOf(program);
    state.from4 = addresses[isV4.indexOf(true)] ?? null;
    state.from6 = addresses[isV4.indexOf(false)] ?? null;
  }

  cancel(program: NodeProgram): void {
    for (const exchange of [...this.stateOf(program).asked]) exchange.end('ECANCELLED');
  }

  /** dns.reverse: /etc/hosts first, whose first name stands for the host itself and is not told. */
  getHostByAddr(program: NodeProgram, request: QueryRequest, text: string): number {
    const address = IpAddress.parse(text);
    if (address === null) return -Errno.EINVAL;
    const names = hostNames(program, address);
    if (names !== null) this.tell(program, request, () => ({ values: names.slice(1) }));
    else this.ask(program, request, reverseName(address.toBytes()), DnsType.PTR, 'queryPtr');
    return 0;
  }

  /** One of QUERIES. */
  query(program: NodeProgram, kind: string, request: QueryRequest, name: string): number {
    this.ask(program, request, name, (QUERIES[kind] as { type: number }).type, kind);
    return 0;
  }

  private ask(program: NodeProgram, request: QueryRequest, name: string, type: number, kind: string): void {
    const asked = name === '' ? '.' : name;
    const bad = refusalOf(asked);
    const servers = this.serversOf(program);
    if (bad !== null) return this.tell(program, request, () => bad);
    if (servers.length === 0) return this.tell(program, request, () => 'UNKNOWN_ARES_ERROR');
    const state = this.stateOf(program);
    const { maxTimeoutMs, timeoutMs, tries } = this;
    const scope = new AsyncResource('QUERYWRAP');
    const hold: Hold = new Hold(program, () => {
      state.asked.delete(exchange);
      exchange.abandon();
    });
    const exchange: DnsExchange = new DnsExchange(
      program, { servers, timeoutMs, maxTimeoutMs, tries, from4: state.from4, from6: state.from6 }, { name: asked, type, class: DnsClass.IN },
      (answer) => {
        state.asked.delete(exchange);
        const result = typeof answer === 'string' ? answer : (errorOf(answer) ?? (QUERIES[kind] as (typeof QUERIES)[string]).read(answer));
        tellLater(program, hold, scope, request, () => result);
      },
    );
    state.asked.add(exchange);
    exchange.start();
  }

  private tell(program: NodeProgram, request: QueryRequest, result: () => QueryResult | QueryError): void {
    tellLater(program, new Hold(program), new AsyncResource('QUERYWRAP'), request, result);
  }
}

/** In a macrotask of its own, in the context of whoever asked; it lets go of the process's life. */
function tellLater(
  program: NodeProgram, hold: Hold, scope: AsyncResource, request: QueryRequest, result: () => QueryResult | QueryError,
): void {
  program.later({ runEvent: () => {
    hold.release();
    const told = result();
    scope.runInAsyncScope(() => {
      // Node's C++ hands the code itself in the place of a number.
      if (typeof told === 'string') request.oncomplete(told as never);
      else request.oncomplete(0, told.values, told.ttls);
    });
  } });
}

/** What c-ares does not ask anybody; null for a name that may be asked. */
function refusalOf(name: string): QueryError | null {
  if (labelsOf(name) === null) return 'EBADNAME';
  // RFC 7686 section 2: such names are not of DNS.
  return /(^|\.)onion\.?$/i.test(name) ? 'ENOTFOUND' : null;
}

/** The servers of /etc/resolv.conf; one of the host's own where it names none. */
function configuredServers(program: NodeProgram): NameServer[] {
  const servers: NameServer[] = [];
  for (const line of program.kernel.textOf('/etc/resolv.conf').split('\n')) {
    const [keyword, address] = line.split(/[ \t]+/);
    if (keyword !== 'nameserver' || address === undefined || servers.length === MAX_SERVERS) continue;
    if (IpAddress.parse(address.split('%')[0] as string) !== null) servers.push({ address, port: DNS_PORT });
  }
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }];
}

/** The names of an address in /etc/hosts, of all its lines; null when it has none. */
function hostNames(program: NodeProgram, address: IpAddress): string[] | null {
  const found: string[] = [];
  for (const line of program.kernel.textOf('/etc/hosts').split('\n')) {
    const [text, ...names] = (line.split('#')[0] as string).trim().split(/\s+/);
    if (text !== undefined && IpAddress.parse(text)?.toString() === address.toString()) found.push(...names);
  }
  return found.length > 0 ? [...new Set(found)] : null;
}
