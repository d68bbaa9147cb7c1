/** What the AF_UNIX sockets of one host share: abstract names, and what is in flight between them. */
import type { HostContext } from '../../base/host-context.ts';
import type { Settings } from '../../base/settings.ts';
import type { Stack } from '../../stack/stack.ts';
import { Flights } from './rights.ts';
import type { UnixSocket } from './unix.ts';
import { autobindAddress, type UnixAddress } from './unix-address.ts';

/** Five hexadecimal digits (unix_autobind). */
const AUTOBIND_NAMES = 0x100000;

export class UnixHost {
  readonly stack: Stack;
  readonly flights: Flights;
  private readonly names: Map<string, UnixSocket> = new Map();
  /** Sockets that are not released, the oldest first. */
  readonly sockets: Set<UnixSocket> = new Set();

  constructor(stack: Stack) {
    this.stack = stack;
    this.flights = new Flights(stack.context.memory);
  }

  /** For leak tests. */
  get socketCount(): number {
    return this.sockets.size;
  }

  get settings(): Settings {
    return this.stack.settings;
  }

  get context(): HostContext {
    return this.stack.context;
  }

  /** Sockets of different types may have the same abstract name (unix_abstract_hash takes the type in). */
  find(address: Uint8Array, type: number): UnixSocket | null {
    return this.names.get(keyOf(address, type)) ?? null;
  }

  /** Gives an abstract name; false when another socket has it. */
  add(address: UnixAddress, socket: UnixSocket): boolean {
    const key = keyOf(address.bytes, socket.type);
    if (this.names.has(key)) return false;
    this.names.set(key, socket);
    return true;
  }

  remove(address: UnixAddress, socket: UnixSocket): void {
    const key = keyOf(address.bytes, socket.type);
    if (this.names.get(key) === socket) this.names.delete(key);
  }

  /** A free name of five digits, from a random one on; null when all are taken. */
  autobind(socket: UnixSocket): UnixAddress | null {
    const first = this.context.random.int32() & (AUTOBIND_NAMES - 1);
    for (let i = 1; i <= AUTOBIND_NAMES; i++) {
      const address = autobindAddress((first + i) & (AUTOBIND_NAMES - 1));
      if (this.add(address, socket)) return address;
    }
    return null;
  }
}

function keyOf(address: Uint8Array, type: number): string {
  let key = String(type);
  for (let i = 2; i < address.length; i++) key += String.fromCharCode(address[i] as number);
  return key;
}
