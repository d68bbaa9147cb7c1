/** Peers without SACK: every duplicate acknowledgement counts as one segment SACKed (RFC 6582 in Linux's form, "Reno"). */
import { Mib } from '../../../base/counters.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { RecordFlag } from '../send-record.ts';
import { Bit, CaState } from '../tcb.ts';
import { markRecordLost } from './rack.ts';

export function isReno(t: TcpEndpoint): boolean {
  return (t.bits & Bit.SackOk) === 0;
}

function limitRenoSacked(t: TcpEndpoint): boolean {
  let holes = t.lostOut > 1 ? t.lostOut : 1;
  if (holes > t.packetsOut) holes = t.packetsOut;
  if (t.sackedOut + holes > t.packetsOut) {
    t.sackedOut = t.packetsOut - holes;
    return true;
  }
  return false;
}

function checkRenoReordering(t: TcpEndpoint, addend: number): void {
  if (!limitRenoSacked(t)) return;
  t.reordering = Math.min(t.packetsOut + addend, t.tcp.context.settings.tcpMaxReordering);
  t.bits |= Bit.ReorderingSeen;
  t.tcp.counters[Mib.TcpExtTCPRenoReorder]++;
}

export function addRenoSack(t: TcpEndpoint, duplicates: number): void {
  if (duplicates === 0) return;
  const prior = t.sackedOut;
  t.sackedOut += duplicates;
  checkRenoReordering(t, 0);
  const delivered = t.sackedOut - prior;
  if (delivered > 0) t.delivered = (t.delivered + delivered) | 0;
}

export function removeRenoSacks(t: TcpEndpoint, acked: number): void {
  if (acked > 0) {
    t.delivered = (t.delivered + Math.max(acked - t.sackedOut, 1)) | 0;
    t.sackedOut = acked - 1 >= t.sackedOut ? 0 : t.sackedOut - (acked - 1);
  }
  checkRenoReordering(t, acked);
}

/** Without SACK: three duplicate acknowledgements mean the first record is lost (tcp_newreno_mark_lost). */
export function newRenoMarkLost(t: TcpEndpoint, advanced: boolean): void {
  const head = t.firstRecord;
  if (head === null || head === t.sendHead) return;
  if ((t.caState < CaState.Recovery && t.sackedOut >= t.reordering) || (t.caState === CaState.Recovery && advanced)) {
    if ((head.flags & RecordFlag.Lost) !== 0) return;
    markRecordLost(t, head);
  }
}
