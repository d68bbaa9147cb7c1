/**
 * Sockets on their way into other processes: `child.send(message, socket)`, and node:cluster, whose primary listens for its
 * workers and sends them what it accepts. A socket of ours is of a host in this process and cannot follow. So it is refused
 * where it is asked for, by an error that can be caught and that says what to do:
 *
 *   send(message, socket)   throws, as it does for any handle that Node cannot send
 *   listen in a worker      emits 'error' (ENOTSUP) there, before the primary has heard of it
 *
 * Sockets of the machine are sent as ever, also by and to processes of ours: those of workers that run without us.
 */
import { createRequire } from 'node:module';
import { Errno } from '../../base/errno.ts';
import { NodeProgram } from './node-program.ts';
import { handleUnder } from './socket-options.ts';

const require = createRequire(import.meta.url);

const NOT_SENT = 'sockscape: a socket of one of its hosts cannot be sent to another process, which has hosts of its own: '
  + 'serve it in this process, or start both without sockscape/register';
const NOT_SHARED = 'sockscape: a worker of node:cluster cannot share a port with its primary, each is on a host of its own: serve in the primary, '
  + 'listen with { exclusive: true } on the worker\'s own host, or start the program without sockscape/register';

type Send = (this: object, message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;
type Emit = (this: object, event: string | symbol, ...args: unknown[]) => boolean;

interface Channel {
  send?: Send;
}

interface Cluster {
  readonly isWorker: boolean;
  _getServer(server: Server, options: object, done: (error: number, handle: object | null) => void): void;
}

/** A net.Server or a dgram.Socket. */
interface Server {
  emit: Emit;
  /** net.Server: another number with each `listen` and `close`. */
  readonly _listeningId?: number;
}

export function watchOtherProcesses(): void {
  const { ChildProcess } = require('node:child_process') as { ChildProcess: { prototype: Channel & { spawn: Send; emit: Emit } } };
  const { prototype } = ChildProcess;
  const { emit, spawn } = prototype;
  prototype.spawn = function (this: Channel, ...args) {
    const result = spawn.apply(this, args);
    refuseOurs(this);
    return result;
  };
  // A worker that asks its primary for a socket has the machine's: it is the machine's network that it wants to listen on.
  prototype.emit = function (event, ...args) {
    return isQuery(event, args[0]) ? NodeProgram.runOutside(() => emit.call(this, event, ...args)) : emit.call(this, event, ...args);
  };
  refuseOurs(process as Channel);
  const cluster = require('node:cluster') as Cluster;
  if (cluster.isWorker) watchWorker(cluster);
}

/** `send` throws for a socket of ours; the rest is Node's. */
function refuseOurs(channel: Channel): void {
  const { send } = channel;
  if (send === undefined) return;
  channel.send = function (message, handle, ...rest) {
    if (typeof handle === 'object' && handle !== null && handleUnder(handle) !== null) {
      throw Object.assign(new TypeError(NOT_SENT), { code: 'ERR_INVALID_HANDLE_TYPE' });
    }
    return send.call(this, message, handle, ...rest);
  };
}

/** The message by which a worker asks its primary for what it listens on. */
function isQuery(event: string | symbol, message: unknown): boolean {
  if (event !== 'internalMessage') return false;
  const { act, cmd } = message as { act?: string; cmd?: string };
  return cmd === 'NODE_CLUSTER' && act === 'queryServer';
}

function watchWorker(cluster: Cluster): void {
  const getServer = cluster._getServer;
  cluster._getServer = function (server, options, done) {
    if (NodeProgram.current() === null) return getServer.call(this, server, options, done);
    const id = server._listeningId;
    process.nextTick(() => {
      if (server._listeningId === id) refuseListen(server, () => done(-Errno.EOPNOTSUPP, null));
    });
  };
  // Nobody is another's worker on the hosts of a world: what their programs listen on is theirs alone.
  const isOnWorld = (): boolean => ![null, NodeProgram.outside].includes(NodeProgram.current());
  for (const name of ['isPrimary', 'isMaster']) Object.defineProperty(cluster, name, { configurable: true, enumerable: true, get: isOnWorld });
  Object.defineProperty(cluster, 'isWorker', { configurable: true, enumerable: true, get: () => !isOnWorld() });
}

/** Lets Node fail as it does when the primary cannot listen, with our words in its error. */
function refuseListen(server: Server, fail: () => void): void {
  const own = Object.getOwnPropertyDescriptor(server, 'emit');
  const { emit } = server;
  const restore = (): void => {
    if (own === undefined) delete (server as { emit?: Emit }).emit;
    else Object.defineProperty(server, 'emit', own);
  };
  server.emit = function (event, error) {
    restore();
    return emit.call(this, event, Object.assign(new Error(NOT_SHARED), error));
  };
  try {
    fail();
  } finally {
    restore();
  }
}
