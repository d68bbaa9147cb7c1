/** SOCK_DGRAM of AF_UNIX: reliable and in order, since a sender waits while the receiver's queue is full. */
import { Errno } from '../../base/errno.ts';
import { Msg } from '../../transport/endpoint.ts';
import type { Caller } from '../caller.ts';
import { AF, SOCK } from '../constants.ts';
import type { Received } from '../received.ts';
import { sockaddrFamily } from '../sockaddr.ts';
import { RECEIVE_SHUT, UnixSocket, UnixState, WRITABLE } from './unix.ts';
import { checkUnixAddress } from './unix-address.ts';
import type { UnixAncillary } from './unix-ancillary.ts';
import type { UnixHost } from './unix-host.ts';
import { receiveMessage } from './unix-messages.ts';

export class UnixDatagram extends UnixSocket {
  constructor(host: UnixHost) {
    super(host, SOCK.DGRAM);
  }

  /** connect(2): sets the peer, or takes it back with AF_UNSPEC (unix_dgram_connect). */
  connect(address: Uint8Array, caller: Caller): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) {
      this.setPeer(null);
      return 0;
    }
    const bad = checkUnixAddress(address);
    if (bad < 0) return bad;
    this.autobindToPass();
    const other = this.findOther(address, caller);
    if (typeof other === 'number') return other;
    if (!this.isOpenTo(other)) return -Errno.EPERM;
    this.state = UnixState.Established;
    other.state = UnixState.Established;
    this.setPeer(other);
    return 0;
  }

  private setPeer(other: UnixSocket | null): void {
    const old = this.peer;
    this.peer = other;
    if (other === null) this.state = UnixState.Closed;
    if (old === null || old === other) return;
    this.leavePeerRoom();
    this.disconnectedFrom(old);
    if (old.peer === null) old.state = UnixState.Closed;
  }

  /** What lies in the queue came from the old peer and is lost; one that was connected to this socket hears of it. */
  private disconnectedFrom(old: UnixSocket): void {
    if (this.queue.first === null) return;
    this.purge();
    this.roomWaiters.wakeAll(WRITABLE);
    if (!old.isReleased && old.peer === this) old.failed(Errno.ECONNRESET);
  }

  /** Does `other` take from this socket? One that is connected only takes from its peer (unix_may_send). */
  private isOpenTo(other: UnixSocket): boolean {
    return other.peer === null || other.peer === this;
  }

  // Sending (unix_dgram_sendmsg).

  send(from: Uint8Array, at: number, length: number, flags: number, caller: Caller): number {
    return this.sendMessage(from, at, length, flags, null, null, caller);
  }

  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array, caller: Caller): number {
    return this.sendMessage(from, at, length, flags, address, null, caller);
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, ancillary: UnixAncillary | null,
    caller: Caller,
  ): number {
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    // An address without any length is none.
    const isAddressed = address !== null && address.length > 0;
    if (isAddressed) {
      const bad = checkUnixAddress(address);
      if (bad < 0) return bad;
    }
    this.autobindToPass();
    const unfit = this.checkMessage(length, ancillary, caller);
    if (unfit < 0) return unfit;
    const other = isAddressed ? this.findOther(address, caller) : (this.peer ?? -Errno.ENOTCONN);
    if (typeof other === 'number') return other;
    if (!this.isOpenTo(other)) return -Errno.EPERM;
    if (other.isReleased) return this.lostPeer(other);
    if ((other.shut & RECEIVE_SHUT) !== 0) return -Errno.EPIPE;
    const refused = ancillary === null ? 0 : ancillary.checkReceiver(other);
    if (refused < 0) return refused;
    if (other !== this && other.peer !== this && other.queue.count > other.backlog) return this.waitAt(other.roomWaiters);
    this.deliverTo(other, from, at, length, ancillary, caller);
    return length;
  }

  /** The peer was closed: nobody is connected any more. */
  private lostPeer(other: UnixSocket): number {
    this.peer = null;
    this.state = UnixState.Closed;
    this.leavePeerRoom();
    this.disconnectedFrom(other);
    return -Errno.ECONNREFUSED;
  }

  // Receiving.

  receive(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    received.flags = 0;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (this.error !== 0) return -this.takeError();
    const n = receiveMessage(this, to, at, length, flags, received);
    if (n !== -Errno.EAGAIN) this.madeRoom();
    return n;
  }

  /** Who waits hears of the end; who does not, hears EAGAIN (unix_dgram_recvmsg). */
  override emptyResult(): number {
    return (this.shut & RECEIVE_SHUT) !== 0 ? 0 : -Errno.EAGAIN;
  }

  protected readableLength(): number {
    return this.queue.first === null ? 0 : this.queue.first.length;
  }

  readiness(): number {
    let mask = this.commonReadiness();
    if (this.isWritable && this.peerHasRoom()) mask |= WRITABLE;
    return mask;
  }
}
