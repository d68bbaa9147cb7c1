/** SOCK_SEQPACKET of AF_UNIX: a connection whose messages keep their boundaries. */
import { Errno } from '../../base/errno.ts';
import { Msg } from '../../transport/endpoint.ts';
import type { Caller } from '../caller.ts';
import { SOCK } from '../constants.ts';
import type { Received } from '../received.ts';
import { RECEIVE_SHUT, UnixState } from './unix.ts';
import type { UnixAncillary } from './unix-ancillary.ts';
import { UnixConnection } from './unix-connection.ts';
import type { UnixHost } from './unix-host.ts';
import { receiveMessage } from './unix-messages.ts';

export class UnixSeqpacket extends UnixConnection {
  constructor(host: UnixHost) {
    super(host, SOCK.SEQPACKET);
  }

  protected another(): UnixSeqpacket {
    return new UnixSeqpacket(this.host);
  }

  send(from: Uint8Array, at: number, length: number, flags: number, caller: Caller): number {
    return this.sendMessage(from, at, length, flags, null, null, caller);
  }

  /** The address is not looked at (unix_seqpacket_sendmsg). */
  sendTo(from: Uint8Array, at: number, length: number, flags: number, _address: Uint8Array, caller: Caller): number {
    return this.sendMessage(from, at, length, flags, null, null, caller);
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, _address: Uint8Array | null, ancillary: UnixAncillary | null,
    caller: Caller,
  ): number {
    if (this.error !== 0) return -this.takeError();
    const { peer } = this;
    if (this.state !== UnixState.Established || peer === null) return -Errno.ENOTCONN;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    this.autobindToPass();
    const unfit = this.checkMessage(length, ancillary, caller);
    if (unfit < 0) return unfit;
    if (peer.isReleased || (peer.shut & RECEIVE_SHUT) !== 0) return -Errno.EPIPE;
    const refused = ancillary === null ? 0 : ancillary.checkReceiver(peer);
    if (refused < 0) return refused;
    this.deliverTo(peer, from, at, length, ancillary, caller);
    return length;
  }

  /** Whether there is anybody to send to is asked before what is sent (unix_seqpacket_sendmsg). */
  override prepareAncillary(control: Uint8Array, caller: Caller): UnixAncillary | number {
    if (this.error !== 0) return -this.takeError();
    return this.state === UnixState.Established ? super.prepareAncillary(control, caller) : -Errno.ENOTCONN;
  }

  receive(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    received.flags = 0;
    if (this.state !== UnixState.Established) return -Errno.ENOTCONN;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (this.error !== 0) return -this.takeError();
    const n = receiveMessage(this, to, at, length, flags, received);
    // The end of the connection, whether somebody waits or not.
    return n === -Errno.EAGAIN && (this.shut & RECEIVE_SHUT) !== 0 ? 0 : n;
  }

  protected readableLength(): number {
    return this.queue.length;
  }
}
