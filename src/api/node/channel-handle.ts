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
import { textOf } from './text-file.ts';

/** c-ares's own defaults. */
const TIMEOUT_MS = 2000;
const TRIES = 3;
/** Node's DNS_ESETSRVPENDING. */
const PENDING = -1000;
/** MAXNS of <resolv.h>. */
const MAX_SERVERS = 3;

type ServerTuple = [family: number, address: string, port: number];

interface Machine {
  getServers(): unknown[];
  setServers(servers: readonly ServerTuple[]): number;
  setLocalAddress(ipv4: string, ipv6?: string): void;
  cancel(): void;
  getAsyncId(): number;
  [query: string]: (...args: never[]) => unknown;
}

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

export function installChannel(): void {
  const cares = binding('cares_wrap');
  const MachineChannel = cares.ChannelWrap as unknown as new (...args: number[]) => Machine;
  class ChannelWrap extends ChannelHandle {
    constructor(...args: number[]) {
      super(() => new MachineChannel(...args), args);
    }
  }
  Object.defineProperty(cares, 'ChannelWrap', { configurable: true, enumerable: true, writable: true, value: ChannelWrap });
}

class ChannelHandle {
  private readonly makeMachine: () => Machine;
  private machineChannel: Machine | null = null;
  private readonly timeoutMs: number;
  private readonly tries: number;
  private readonly maxTimeoutMs: number;
  private readonly states: WeakMap<NodeProgram, ChannelState> = new WeakMap();

  constructor(makeMachine: () => Machine, [timeout = -1, tries = -1, maxTimeout = 0]: readonly number[]) {
    this.makeMachine = makeMachine;
    this.timeoutMs = timeout > 0 ? timeout : TIMEOUT_MS;
    this.tries = tries > 0 ? tries : TRIES;
    this.maxTimeoutMs = maxTimeout;
  }

  private get machine(): Machine {
    this.machineChannel ??= this.makeMachine();
    return this.machineChannel;
  }

  private stateOf(program: NodeProgram): ChannelState {
    let state = this.states.get(program);
    if (state === undefined) {
      state = new ChannelState();
      this.states.set(program, state);
    }
    return state;
  }

  getServers(): unknown[] {
    const program = NodeProgram.current();
    if (program === null) return this.machine.getServers();
    return this.serversOf(program).map(({ address, port }) => [address, port]);
  }

  setServers(servers: readonly ServerTuple[]): number {
    const program = NodeProgram.current();
    if (program === null) return this.machine.setServers(servers);
    const state = this.stateOf(program);
    if (state.asked.size > 0) return PENDING;
    state.servers = servers.map(([, address, port]) => ({ address, port }));
    return 0;
  }

  private serversOf(program: NodeProgram): readonly NameServer[] {
    return this.stateOf(program).servers ?? configuredServers(program);
  }

  setLocalAddress(first: string, second?: string): void {
    const program = NodeProgram.current();
    if (program === null) return this.machine.setLocalAddress(first, second);
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

  cancel(): void {
    const program = NodeProgram.current();
    if (program === null) return this.machine.cancel();
    for (const exchange of [...this.stateOf(program).asked]) exchange.end('ECANCELLED');
  }

  getAsyncId(): number {
    return this.machine.getAsyncId();
  }

  /** dns.reverse: /etc/hosts first, whose first name stands for the host itself and is not told. */
  getHostByAddr(request: QueryRequest, text: string): number {
    const program = NodeProgram.current();
    if (program === null) return this.machine['getHostByAddr']?.(request as never, text as never) as number;
    const address = IpAddress.parse(text);
    if (address === null) return -Errno.EINVAL;
    const names = hostNames(program, address);
    if (names !== null) this.tell(program, request, () => ({ values: names.slice(1) }));
    else this.ask(program, request, reverseName(address.toBytes()), DnsType.PTR, 'queryPtr');
    return 0;
  }

  /** One of QUERIES. */
  query(kind: string, request: QueryRequest, name: string): number {
    const program = NodeProgram.current();
    if (program === null) return this.machine[kind]?.(request as never, name as never) as number;
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

for (const kind of Object.keys(QUERIES)) {
  Object.defineProperty(ChannelHandle.prototype, kind, {
    configurable: true, writable: true,
    value: function (this: ChannelHandle, request: QueryRequest, name: string) {
      return this.query(kind, request, name);
    },
  });
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
  for (const line of textOf(program, '/etc/resolv.conf').split('\n')) {
    const [keyword, address] = line.split(/[ \t]+/);
    if (keyword !== 'nameserver' || address === undefined || servers.length === MAX_SERVERS) continue;
    if (IpAddress.parse(address.split('%')[0] as string) !== null) servers.push({ address, port: DNS_PORT });
  }
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }];
}

/** The names of an address in /etc/hosts, of all its lines; null when it has none. */
function hostNames(program: NodeProgram, address: IpAddress): string[] | null {
  const found: string[] = [];
  for (const line of textOf(program, '/etc/hosts').split('\n')) {
    const [text, ...names] = (line.split('#')[0] as string).trim().split(/\s+/);
    if (text !== undefined && IpAddress.parse(text)?.toString() === address.toString()) found.push(...names);
  }
  return found.length > 0 ? [...new Set(found)] : null;
}
