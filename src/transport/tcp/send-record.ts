/**
 * The send queue's records: one per segment (or super-segment) that was sent or is ready to go, as Linux's skbs.
 *
 *   first ............... sendHead ................ last
 *   | sent, not all acked | queued, not yet sent    |
 *   sndUna                sndNxt                    writeSeq
 *
 * A record only names a stretch of sequence space; its bytes lie in the endpoint's send buffer. Records are pooled per
 * process. Those that were sent are in a second list ordered by the time they were last sent, for RACK (RFC 8985).
 */
import type { Seq } from '../../base/seq.ts';

export const RecordFlag = {
  /** The peer has it, by SACK. */
  Sacked: 1,
  /** Taken for lost. */
  Lost: 2,
  /** Retransmitted, and that copy counts as in flight. */
  Retransmitted: 4,
  /** Was ever sent more than once (Karn). */
  EverRetransmitted: 8,
  /** Ends a write, or was marked: carries PSH. */
  Push: 16,
  Fin: 32,
  Syn: 64,
  /** Ends with MSG_EOR: nothing is added to it. */
  EndOfRecord: 128,
} as const;

export class SendRecord {
  seq: Seq = 0;
  /** One past the last sequence number, FIN and SYN included. */
  end: Seq = 0;
  flags = 0;
  /** Segments of the current MSS that it makes; 0 before it is sent. */
  segs = 0;
  /** When it was last sent, microseconds modulo 2^32. */
  sentUs = 0;
  next: SendRecord | null = null;
  previous: SendRecord | null = null;
  nextSent: SendRecord | null = null;
  previousSent: SendRecord | null = null;
  isInSent = false;
}

/** Bytes of data in it: what it takes of the sequence space without SYN and FIN. */
export function dataBytes({ seq, end, flags }: SendRecord): number {
  return ((end - seq) | 0) - ((flags & (RecordFlag.Syn | RecordFlag.Fin)) !== 0 ? 1 : 0);
}

export class SendRecordStatistics {
  recordsInUse = 0;
}
export const sendRecordStatistics = new SendRecordStatistics();
let freeRecords: SendRecord | null = null;

export function takeRecord(seq: Seq, end: Seq, flags: number): SendRecord {
  let record = freeRecords;
  if (record === null) record = new SendRecord();
  else freeRecords = record.next;
  record.seq = seq;
  record.end = end;
  record.flags = flags;
  record.segs = 0;
  record.sentUs = 0;
  record.next = null;
  record.previous = null;
  sendRecordStatistics.recordsInUse++;
  return record;
}

/** The record must be in no list any more. */
export function releaseRecord(record: SendRecord): void {
  sendRecordStatistics.recordsInUse--;
  record.previous = null;
  record.next = freeRecords;
  freeRecords = record;
}
