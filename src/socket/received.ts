/**
 * What a receive call finds beside the bytes: what its endpoint tells (ReceiveResult), and what only sockets know. One per
 * operation, reset for each call; a call that waits in between keeps it.
 */
import { ReceiveResult } from '../transport/endpoint.ts';
import type { Rights } from './family/rights.ts';
import type { Socket } from './socket.ts';

/** `struct ucred`. */
export interface Sender {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected or listened, as SO_PEERCRED and SO_PEERGROUPS tell it. */
export interface Peer extends Sender {
  readonly groups: readonly number[];
}

export class Received extends ReceiveResult {
  /** The socket it was sent from, on a host of one's own (AF_UNIX). */
  source: Socket | null = null;
  /** SCM_CREDENTIALS, when the socket asked for them (SO_PASSCRED). */
  sender: Sender | null = null;
  /** The sender's address as its family writes it, where that is no AF_INET or AF_UNIX one; null when there is none. */
  name: Uint8Array | null = null;
  /** Data of the one control message that AF_PACKET or AF_NETLINK has to tell (PACKET_AUXDATA, NETLINK_PKTINFO). */
  auxiliary: Uint8Array | null = null;
  /** SCM_RIGHTS: descriptions that belong to the call until it makes descriptors of them, or lets them go. */
  rights: Rights | null = null;
  /** Nothing more may be glued to it, whatever the call waits for (MSG_WAITALL). */
  isWhole = false;
  /** Bytes that the call has taken already. */
  taken = 0;

  /** For the next call. */
  reset(): void {
    this.given = null;
    this.source = null;
    this.sender = null;
    this.name = null;
    this.auxiliary = null;
    this.rights = null;
    this.isWhole = false;
    this.taken = 0;
    this.told = 0;
    this.segmentBytes = 0;
    this.error = null;
  }
}
