/** Connections of AF_UNIX: listen, connect and accept of SOCK_STREAM and SOCK_SEQPACKET. */
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { Poll } from '../../base/wait-queue.ts';
import type { Caller } from '../caller.ts';
import type { Socket } from '../socket.ts';
import { peerOf, READABLE, RECEIVE_SHUT, UnixSocket, UnixState, WRITABLE } from './unix.ts';
import { checkUnixAddress } from './unix-address.ts';

export abstract class UnixConnection extends UnixSocket {
  /** Connections that wait for accept(2), the oldest first. */
  private firstPending: UnixConnection | null = null;
  private lastPending: UnixConnection | null = null;
  private pending = 0;

  /** A socket of the same type: the other end of a connection. */
  protected abstract another(): UnixConnection;

  override get isListening(): boolean {
    return this.state === UnixState.Listen;
  }

  override listen(backlog: number, caller: Caller): number {
    if (this.address === null) return -Errno.EINVAL;
    if (this.state === UnixState.Established) return -Errno.EINVAL;
    const most = this.host.settings.somaxconn;
    const allowed = backlog >>> 0 > most ? most : backlog;
    // More of those who wait to connect may try (unix_listen).
    const grew = allowed > this.backlog;
    this.backlog = allowed;
    this.state = UnixState.Listen;
    this.peerCredentials = peerOf(caller);
    if (grew) this.roomWaiters.wakeAll(WRITABLE);
    return 0;
  }

  /** connect(2) (unix_stream_connect): -EAGAIN while the listener's queue is full. */
  connect(address: Uint8Array, caller: Caller): number {
    const bad = checkUnixAddress(address);
    if (bad < 0) return bad;
    this.autobindToPass();
    const other = this.findOther(address, caller);
    if (typeof other === 'number') return other;
    if (!(other instanceof UnixConnection) || other.state !== UnixState.Listen || (other.shut & RECEIVE_SHUT) !== 0) {
      return -Errno.ECONNREFUSED;
    }
    if (other.pending > other.backlog) return this.waitAt(other.roomWaiters);
    if (this.state !== UnixState.Closed) return this.state === UnixState.Established ? -Errno.EISCONN : -Errno.EINVAL;
    if (this.hostMemory.lacks(Cost.ENDPOINT)) return -Errno.ENOMEM;
    const end = this.another();
    end.peer = this;
    end.state = UnixState.Established;
    end.peerCredentials = peerOf(caller);
    end.address = other.address;
    end.listenersNode = other.pathNode;
    end.options.passCredentials = other.options.passCredentials;
    this.peer = end;
    this.state = UnixState.Established;
    this.peerCredentials = other.peerCredentials;
    other.enqueue(end);
    return 0;
  }

  private enqueue(connection: UnixConnection): void {
    connection.listener = this;
    if (this.lastPending === null) this.firstPending = connection;
    else this.lastPending.nextPending = connection;
    this.lastPending = connection;
    this.pending++;
    this.wake(READABLE);
  }

  override *waiting(): IterableIterator<UnixSocket> {
    for (let connection: UnixSocket | null = this.firstPending; connection !== null; connection = connection.nextPending) yield connection;
  }

  protected get hasPending(): boolean {
    return this.firstPending !== null;
  }

  private dequeue(): UnixConnection | null {
    const connection = this.firstPending;
    if (connection === null) return null;
    this.firstPending = connection.nextPending as UnixConnection | null;
    if (this.firstPending === null) this.lastPending = null;
    connection.nextPending = null;
    connection.listener = null;
    this.pending--;
    return connection;
  }

  override accept(): Socket | number {
    if (this.state !== UnixState.Listen) return -Errno.EINVAL;
    if (this.error !== 0) return -this.takeError();
    const connection = this.dequeue();
    if (connection === null) return -Errno.EAGAIN;
    this.madeRoom();
    return connection;
  }

  /** A listener that receives no more: whoever waits in accept(2) hears EINVAL, others EAGAIN (unix_accept). */
  override emptyAccept(): number {
    return (this.shut & RECEIVE_SHUT) !== 0 ? -Errno.EINVAL : -Errno.EAGAIN;
  }

  protected override peerShuts(mode: number): number {
    this.mirrorShut(mode);
    return 0;
  }

  /** The other end hears of it: ECONNRESET when this one had not read everything. */
  protected override peerIsGone(peer: UnixSocket): void {
    peer.hungUp(this.hasUnread() || this.listener !== null ? Errno.ECONNRESET : 0);
  }

  /** A first message without bytes does not count: urgent data that was read leaves one (unix_release_sock). */
  private hasUnread(): boolean {
    const { first } = this.queue;
    return first !== null && (first.length > 0 || first.next !== null);
  }

  protected override purge(): void {
    super.purge();
    for (let connection = this.firstPending; connection !== null; connection = this.firstPending) {
      // Still nobody's: its peer hears of a reset.
      this.firstPending = connection.nextPending as UnixConnection | null;
      connection.release();
    }
    this.lastPending = null;
    this.pending = 0;
  }

  override dropRights(): void {
    super.dropRights();
    for (let connection: UnixSocket | null = this.firstPending; connection !== null; connection = connection.nextPending) {
      connection.dropRights();
    }
  }

  readiness(): number {
    let mask = this.commonReadiness();
    if (this.hasPending) mask |= Poll.IN | Poll.RDNORM;
    if (this.state === UnixState.Closed) mask |= Poll.HUP;
    if (this.isWritable) mask |= WRITABLE;
    return mask;
  }
}
