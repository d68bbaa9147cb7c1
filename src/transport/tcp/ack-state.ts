/**
 * What one acknowledgement turned out to be: filled by ack.ts, recovery/sack.ts and recovery/recovery.ts while they handle it. One per
 * process, since nothing of another segment runs in between.
 */
import type { Seq } from '../../base/seq.ts';

export const AckFlag = {
  /** The segment carried data. */
  Data: 1,
  WindowUpdate: 2,
  DataAcked: 4,
  RetransmittedAcked: 8,
  SynAcked: 16,
  DataSacked: 32,
  Ece: 64,
  LostRetransmission: 128,
  UnaAdvanced: 256,
  DsackSeen: 512,
  SackReneging: 1024,
  OriginalSacked: 2048,
  /** The retransmission timer should be set anew. */
  SetTimer: 4096,
  DsackOfProbe: 8192,
  /** Sets of the above. */
  Acked: 4 | 16,
  NotDuplicate: 1 | 2 | 4 | 16,
  CaAlert: 32 | 64 | 512,
  ForwardProgress: 4 | 16 | 32,
} as const;

/** What to send after the congestion window is set. */
export const Rexmit = { None: 0, Lost: 1, New: 2 } as const;

export class AckState {
  flag = 0;
  rexmit = 0;
  priorUna: Seq = 0;
  /** Highest sequence number that was SACKed before this acknowledgement. */
  priorHighest: Seq = 0;
  /** Lowest sequence number that turned up out of order. */
  reorder: Seq = 0;
  /** Times of sending of the first and last record that was SACKed now; valid when `hasSackTime`. */
  hasSackTime = false;
  firstSackUs = 0;
  lastSackUs = 0;
  /** The segment's timestamp echo; valid when `hasEcho`. */
  hasEcho = false;
  echo = 0;
  /** RTT for congestion control; -1 when there is none. */
  caRttUs = -1;
}

export const ackState = new AckState();
