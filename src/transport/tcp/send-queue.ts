/**
 * The send queue: records in the order of the stream, of which those before `sendHead` are in flight; and the list of the
 * same records by time of sending, which RACK walks. Read send-record.ts first.
 */
import { seqLt } from '../../base/seq.ts';
import { RECORD_OVERHEAD } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { RecordFlag, releaseRecord, type SendRecord, takeRecord } from './send-record.ts';

export function packetsInFlight(t: TcpEndpoint): number {
  return t.packetsOut - t.sackedOut - t.lostOut + t.retransOut;
}

/** Adds a record to the end of the queue. */
export function appendRecord(t: TcpEndpoint, record: SendRecord): void {
  const last = t.lastRecord;
  record.previous = last;
  if (last === null) t.firstRecord = record;
  else last.next = record;
  t.lastRecord = record;
  if (t.sendHead === null) t.sendHead = record;
  t.queuedBytes += RECORD_OVERHEAD;
}

/**
 * Cuts a record after `length` bytes; the rest becomes a record of its own behind it. PSH and FIN belong to the rest.
 * Scoreboard flags are inherited, counts of segments made anew with `mss` when the record was sent before.
 */
export function splitRecord(t: TcpEndpoint, record: SendRecord, length: number, mss: number): SendRecord {
  const at = (record.seq + length) | 0;
  const rest = takeRecord(at, record.end, record.flags & ~RecordFlag.Syn);
  const oldSegs = record.segs;
  record.end = at;
  record.flags &= ~(RecordFlag.Push | RecordFlag.Fin | RecordFlag.EndOfRecord);
  rest.sentUs = record.sentUs;
  rest.previous = record;
  rest.next = record.next;
  if (record.next === null) t.lastRecord = rest;
  else record.next.previous = rest;
  record.next = rest;
  t.queuedBytes += RECORD_OVERHEAD;
  if (record.isInSent) {
    rest.isInSent = true;
    rest.previousSent = record;
    rest.nextSent = record.nextSent;
    if (record.nextSent === null) t.lastSent = rest;
    else record.nextSent.previousSent = rest;
    record.nextSent = rest;
  }
  if (oldSegs > 0 && seqLt(record.seq, t.sndNxt)) {
    record.segs = Math.ceil(length / mss) || 1;
    rest.segs = Math.ceil(((rest.end - rest.seq) | 0) / mss) || 1;
    const delta = oldSegs - record.segs - rest.segs;
    if (delta !== 0) adjustCounts(t, record.flags, delta);
  }
  return rest;
}

/** A sent record's number of segments fell by `delta`. */
export function adjustCounts(t: TcpEndpoint, flags: number, delta: number): void {
  t.packetsOut -= delta;
  if ((flags & RecordFlag.Sacked) !== 0) t.sackedOut -= delta;
  if ((flags & RecordFlag.Retransmitted) !== 0) t.retransOut -= delta;
  if ((flags & RecordFlag.Lost) !== 0) t.lostOut -= delta;
}

/** Takes a record out of every list and returns it to the pool. */
export function dropRecord(t: TcpEndpoint, record: SendRecord): void {
  const { previous, next } = record;
  if (previous === null) t.firstRecord = next;
  else previous.next = next;
  if (next === null) t.lastRecord = previous;
  else next.previous = previous;
  if (t.sendHead === record) t.sendHead = next;
  removeSent(t, record);
  let length = (record.end - record.seq) | 0;
  if ((record.flags & (RecordFlag.Fin | RecordFlag.Syn)) !== 0) length--;
  t.queuedBytes -= RECORD_OVERHEAD + length;
  releaseRecord(record);
}

export function purgeSendQueue(t: TcpEndpoint): void {
  while (t.firstRecord !== null) dropRecord(t, t.firstRecord);
  t.sndBuf.clear();
  t.queuedBytes = 0;
  t.packetsOut = 0;
  t.sackedOut = 0;
  t.lostOut = 0;
  t.retransOut = 0;
}

/** Puts a record last in the list by time of sending. */
export function appendSent(t: TcpEndpoint, record: SendRecord): void {
  if (record.isInSent) {
    if (t.lastSent === record) return;
    removeSent(t, record);
  }
  const last = t.lastSent;
  record.isInSent = true;
  record.previousSent = last;
  record.nextSent = null;
  if (last === null) t.firstSent = record;
  else last.nextSent = record;
  t.lastSent = record;
}

export function removeSent(t: TcpEndpoint, record: SendRecord): void {
  if (!record.isInSent) return;
  record.isInSent = false;
  if (record.previousSent === null) t.firstSent = record.nextSent;
  else record.previousSent.nextSent = record.nextSent;
  if (record.nextSent === null) t.lastSent = record.previousSent;
  else record.nextSent.previousSent = record.previousSent;
  record.previousSent = null;
  record.nextSent = null;
}

/** `next` has become part of the record before it. */
export function mergeRecord(t: TcpEndpoint, next: SendRecord): void {
  const { previous } = next;
  if (previous !== null) previous.next = next.next;
  if (next.next === null) t.lastRecord = previous;
  else next.next.previous = previous;
  removeSent(t, next);
  t.queuedBytes -= RECORD_OVERHEAD;
  releaseRecord(next);
}
