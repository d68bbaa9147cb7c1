/**
 * Descriptions on their way (SCM_RIGHTS), and the collection of those that nobody can receive any more.
 *
 * A message in a socket's queue holds the descriptions it carries. When these are AF_UNIX sockets themselves, sockets can
 * keep each other open: a socket in its own queue, two in each other's. Linux looks for such cycles over all sockets in
 * flight (net/unix/garbage.c). Here every socket knows the queues that it lies in, so that a look goes backwards from the
 * one whose last other reference has just gone, and ends at the first queue that somebody can still read.
 *
 *   close(fd) -> OpenFile.letGo -> UnixSocket.onlyInFlight -> Flights.suspect -> purge queues -> Rights.letGo -> ...
 */
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import type { Description } from '../description.ts';
import type { UnixSocket } from './unix.ts';

/** One description in one queue: an edge from the socket in flight to the socket that would receive it. */
class Flight {
  readonly socket: UnixSocket;
  readonly receiver: UnixSocket;
  next: Flight | null = null;
  previous: Flight | null = null;

  constructor(socket: UnixSocket, receiver: UnixSocket) {
    this.socket = socket;
    this.receiver = receiver;
  }
}

export type { Flight };

/** The descriptions of one message, each held once. */
export class Rights {
  readonly descriptions: readonly Description[];
  /** The user they are counted for while they are in flight. */
  readonly uid: number;
  private flights: Flight[] | null = null;

  constructor(descriptions: readonly Description[], uid: number) {
    this.descriptions = descriptions;
    this.uid = uid;
    for (const description of descriptions) description.hold();
  }

  /** A second set of the same (MSG_PEEK). */
  copy(): Rights {
    return new Rights(this.descriptions, this.uid);
  }

  /** They lie in `receiver`'s queue from now on (unix_attach_fds). */
  takeOff(receiver: UnixSocket, host: Flights): void {
    host.count(this.uid, this.descriptions.length);
    const flights: Flight[] = [];
    for (const description of this.descriptions) {
      const socket = description.socket?.asFlier() ?? null;
      if (socket === null) continue;
      const flight = new Flight(socket, receiver);
      flight.next = socket.firstFlight;
      if (flight.next !== null) flight.next.previous = flight;
      socket.firstFlight = flight;
      description.inFlight++;
      flights.push(flight);
    }
    this.flights = flights;
  }

  /** They have left the queue and belong to whoever took the message (unix_detach_fds). */
  land(host: Flights): void {
    if (this.flights === null) return;
    host.count(this.uid, -this.descriptions.length);
    for (const flight of this.flights) {
      const { socket, next, previous } = flight;
      if (previous === null) socket.firstFlight = next;
      else previous.next = next;
      if (next !== null) next.previous = previous;
      (socket.description as Description).inFlight--;
    }
    this.flights = null;
  }

  letGo(): void {
    for (const description of this.descriptions) description.letGo();
  }
}

/** All rights in flight on one host. */
export class Flights {
  private readonly perUser: Map<number, number> = new Map();
  private readonly discarded: Rights[] = [];
  private readonly suspects: UnixSocket[] = [];
  private isBusy = false;
  private look = 0;
  /** Sockets that were found unreachable, for tests. */
  collected = 0;
  /** Descriptions in flight, for leak tests. */
  total = 0;

  private readonly memory: KernelMemory;

  /** `memory`: what messages take for each. */
  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  /** How many descriptions a user has in flight: what ETOOMANYREFS is measured by. */
  of(uid: number): number {
    return this.perUser.get(uid) ?? 0;
  }

  count(uid: number, change: number): void {
    this.memory.hold(change * Cost.RIGHT);
    this.total += change;
    const now = this.of(uid) + change;
    if (now === 0) this.perUser.delete(uid);
    else this.perUser.set(uid, now);
  }

  /** Nobody will receive these. */
  discard(rights: Rights): void {
    this.discarded.push(rights);
    this.work();
  }

  /** Of this socket's references, only those in flight are left. */
  suspect(socket: UnixSocket): void {
    this.suspects.push(socket);
    this.work();
  }

  /** One after the other and never within each other: a queue that holds a socket that holds a queue ... is no deep stack. */
  private work(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    for (;;) {
      const rights = this.discarded.pop();
      if (rights !== undefined) {
        rights.land(this);
        rights.letGo();
        continue;
      }
      const suspect = this.suspects.pop();
      if (suspect === undefined) break;
      this.judge(suspect);
    }
    this.isBusy = false;
  }

  private judge(suspect: UnixSocket): void {
    if (!isOnlyInFlight(suspect)) return;
    const look = ++this.look;
    suspect.lastLook = look;
    const unreachable: UnixSocket[] = [suspect];
    for (let i = 0; i < unreachable.length; i++) {
      for (let flight = (unreachable[i] as UnixSocket).firstFlight; flight !== null; flight = flight.next) {
        // What lies in the queue of a connection that nobody has accepted yet can be had through the listener.
        const holder = flight.receiver.listener ?? flight.receiver;
        if (holder.lastLook === look) continue;
        if (!isOnlyInFlight(holder)) return;
        holder.lastLook = look;
        unreachable.push(holder);
      }
    }
    // Whatever leads to the suspect has been seen, and nobody holds any of it: all of it goes.
    this.collected += unreachable.length;
    for (const socket of unreachable) socket.dropRights();
  }
}

/** Has nobody got this socket, but for messages that carry it? */
function isOnlyInFlight({ description }: UnixSocket): boolean {
  return description !== null && description.refs === description.inFlight;
}
