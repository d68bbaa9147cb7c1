/**
 * What Node keeps for the whole process and gives to whoever asks for no other: the global agents of http and https, and the dispatcher
 * of fetch. They keep connections, and a connection is one program's: that of another host, or of a world that is over, leads
 * nowhere. So each program of a world has its own of them, made when it first asks for something, as a process has that
 * was started anew.
 *
 *   http.get(...) -> globalAgent.addRequest -> the same of the program's own agent
 *   fetch(...) -> globalThis[Symbol.for('undici.globalDispatcher.1')].dispatch -> the same of the program's own dispatcher
 *
 * An agent that a program's modules have made themselves stays theirs (docs/guide.md).
 */
import { createRequire } from 'node:module';
import { isLoaded } from './loaded-modules.ts';
import { NodeProgram } from './node-program.ts';

const require = createRequire(import.meta.url);

type Maker = new (options?: object) => object;

interface Agent {
  readonly options: object;
  addRequest(request: { agent?: object }, ...rest: unknown[]): void;
  destroy(): void;
}

/** What may be set on an agent that has been made: Node's own settings, which programs of one process share. */
const SETTINGS = ['maxSockets', 'maxFreeSockets', 'maxTotalSockets', 'keepAlive', 'keepAliveMsecs', 'scheduling'] as const;

/** By program: for what is the whole process's, what is its own. */
const copies: WeakMap<NodeProgram, Map<object, object>> = new WeakMap();

/** This program's own of `shared`; `shared` itself outside of every world. */
function ownOf<T extends object>(shared: T, make: () => T): T {
  const program = NodeProgram.current();
  if (program === null || program === NodeProgram.outside) return shared;
  let known = copies.get(program);
  if (known === undefined) {
    known = new Map();
    copies.set(program, known);
  }
  let own = known.get(shared) as T | undefined;
  if (own === undefined) {
    own = NodeProgram.runOutside(make);
    known.set(shared, own);
  }
  return own;
}

/** Called once. */
export function divideAgents(): void {
  const { Agent, globalAgent } = require('node:_http_agent') as { Agent: { prototype: Agent }; globalAgent: Agent };
  let secureAgent: Agent | null = null;
  const isShared = (agent: Agent): boolean => {
    if (agent === globalAgent) return true;
    if (secureAgent === null && isLoaded('https')) {
      const https = require('node:https') as { Agent: { prototype: Agent }; globalAgent: Agent };
      // One that somebody has put in its place, of a class of his own, is nobody's to make anew.
      if (Object.getPrototypeOf(https.globalAgent) === https.Agent.prototype) secureAgent = https.globalAgent;
    }
    return agent === secureAgent;
  };
  const own = (agent: Agent): Agent => {
    if (!isShared(agent)) return agent;
    const found = ownOf(agent, () => new (agent.constructor as Maker)(agent.options) as Agent);
    if (found !== agent) for (const name of SETTINGS) Reflect.set(found, name, Reflect.get(agent, name));
    return found;
  };
  const { addRequest, destroy } = Agent.prototype;
  Agent.prototype.addRequest = function (request, ...rest) {
    const agent = own(this);
    if (agent !== this) request.agent = agent;
    addRequest.call(agent, request, ...rest);
  };
  Agent.prototype.destroy = function () {
    destroy.call(own(this));
  };
}

// fetch.

const DISPATCHER = Symbol.for('undici.globalDispatcher.1');
const globals = globalThis as unknown as Record<symbol, object | undefined> & { fetch: (...args: unknown[]) => unknown };
/** Stands for each program's dispatcher in the place of the process's. */
let divided: object | null = null;

/** Called once. fetch is loaded when it is first used, and looks for its dispatcher at each request. */
export function divideFetch(): void {
  const property = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (property?.configurable !== true) return;
  const { fetch: machine } = globals;
  function fetch(this: unknown, ...args: unknown[]): unknown {
    if (NodeProgram.current() !== NodeProgram.outside) {
      // Looking at a class of fetch's loads it: for this program, since its parser is compiled meanwhile, which holds the world's clock.
      if (!isLoaded('internal/deps/undici/undici')) void globalThis.Headers;
      divideDispatcher();
    }
    return machine.apply(this, args);
  }
  Object.defineProperty(globalThis, 'fetch', { configurable: true, enumerable: property.enumerable === true, writable: true, value: fetch });
}

/**
 * From now on programs have dispatchers of their own, where there is one of the process's. Called for each program that begins, since the
 * library undici makes the same one when it is loaded.
 */
export function divideDispatcher(): void {
  const shared = globals[DISPATCHER];
  if (shared === undefined || shared === divided || !isPlain(shared)) return;
  const own = (): object => ownOf(shared, () => new (shared.constructor as Maker)());
  divided = new Proxy(shared, {
    get(_target, key) {
      const dispatcher = own();
      const value: unknown = Reflect.get(dispatcher, key, dispatcher);
      return typeof value === 'function' && key !== 'constructor' ? value.bind(dispatcher) : value;
    },
    set: (_target, key, value) => Reflect.set(own(), key, value),
  });
  globals[DISPATCHER] = divided;
}

/** An agent of undici's as it makes one for itself: with options, or of another class, it is somebody's own choice. */
function isPlain(dispatcher: object): boolean {
  if (dispatcher.constructor.name !== 'Agent') return false;
  const key = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === 'options');
  const options = key === undefined ? {} : (dispatcher as Record<symbol, object>)[key];
  return Object.values(options as object).every((value) => value === undefined || value === Number.POSITIVE_INFINITY);
}
