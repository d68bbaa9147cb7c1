/**
 * Tail loss probes (RFC 8985 section 7): when nothing is heard for two round trips, the last segment goes again, so that
 * its acknowledgement tells of losses before the retransmission timer does.
 */
import { Mib } from '../../../base/counters.ts';
import { type Seq, seqGt, seqLt } from '../../../base/seq.ts';
import { AckFlag, ackState } from '../ack-state.ts';
import { TIMEOUT_INIT_US, TIMEOUT_MIN_US } from '../constants.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { currentMss } from '../mss.ts';
import { pushLossProbe, transmitRecord } from '../output.ts';
import { appendSent, splitRecord } from '../send-queue.ts';
import { dataBytes, RecordFlag, type SendRecord } from '../send-record.ts';
import { Bit, CaState, ownRecovery, RexmtKind } from '../tcb.ts';
import { rearmRto, rtoDelta, setRexmt } from '../timers.ts';
import { endCwndReduction, initCwndReduction } from './prr.ts';
import { tryKeepOpen } from './recovery.ts';

/** RFC 8985 7.2: arms the probe timeout when the connection may use one. */
export function scheduleLossProbe(t: TcpEndpoint): boolean {
  return armLossProbe(t, false);
}

export function armLossProbe(t: TcpEndpoint, advancingRto: boolean): boolean {
  const early = t.tcp.context.settings.tcpEarlyRetrans;
  if (early !== 3 && early !== 4) return false;
  if (t.packetsOut === 0 || (t.bits & Bit.SackOk) === 0) return false;
  if (t.caState !== CaState.Open && t.caState !== CaState.Cwr) return false;
  let us = TIMEOUT_INIT_US;
  if (t.srttUs !== 0) {
    us = t.srttUs >> 2;
    // One segment alone may meet a delayed acknowledgement.
    us += t.packetsOut === 1 ? t.tcp.context.settings.tcpRtoMinUs : TIMEOUT_MIN_US;
  }
  const rto = advancingRto ? t.rtoUs : rtoDelta(t);
  if (rto > 0 && rto < us) us = rto;
  setRexmt(t, RexmtKind.LossProbe, us);
  return true;
}

/** RFC 8985 7.3: one probe, new data if there is some and the window allows, else the last segment again. */
export function sendLossProbe(t: TcpEndpoint): void {
  if (t.packetsOut === 0) {
    t.rexmtKind = RexmtKind.None;
    return;
  }
  // At most one probe at a time.
  if (t.tlpHighSeq === 0) {
    t.bits &= ~Bit.TlpRetransmitted;
    const mss = currentMss(t);
    const head = t.sendHead;
    let sent = false;
    const windowEnd = (t.sndUna + t.sndWnd) | 0;
    if (head !== null && !seqGt(((head.end - head.seq) | 0) > mss ? (head.seq + mss) | 0 : head.end, windowEnd)) {
      sent = pushLossProbe(t);
    } else {
      let last = head === null ? t.lastRecord : head.previous;
      if (last !== null) {
        const length = (last.end - last.seq) | 0;
        if (last.segs > 1 && length > (last.segs - 1) * mss) last = splitRecord(t, last, (last.segs - 1) * mss, mss);
        if (retransmitProbe(t, last)) {
          t.bits |= Bit.TlpRetransmitted;
          sent = true;
        }
      }
    }
    if (sent) {
      t.tlpHighSeq = t.sndNxt;
      t.tcp.counters[Mib.TcpExtTCPLossProbes]++;
      t.rexmtKind = RexmtKind.None;
    }
  }
  rearmRto(t);
}

/** A retransmission that the scoreboard does not count, as Linux's __tcp_retransmit_skb. */
function retransmitProbe(t: TcpEndpoint, record: SendRecord): boolean {
  if (!transmitRecord(t, record)) return false;
  t.tcp.counters[Mib.TcpRetransSegs] += record.segs;
  const recovery = ownRecovery(t);
  recovery.totalRetrans += record.segs;
  recovery.bytesRetrans += dataBytes(record);
  record.flags |= RecordFlag.EverRetransmitted;
  appendSent(t, record);
  return true;
}

/** What an acknowledgement says about a loss probe in flight (RFC 8985 7.4). */
export function processProbeAck(t: TcpEndpoint, ack: Seq): void {
  if (seqLt(ack, t.tlpHighSeq)) return;
  const flag = ackState.flag;
  if ((t.bits & Bit.TlpRetransmitted) === 0 || (flag & AckFlag.DsackOfProbe) !== 0) {
    t.tlpHighSeq = 0;
  } else if (seqGt(ack, t.tlpHighSeq)) {
    // The probe filled a hole: there was a loss, and nobody reduced the window for it yet.
    initCwndReduction(t);
    t.caState = CaState.Cwr;
    endCwndReduction(t);
    tryKeepOpen(t);
    t.tcp.counters[Mib.TcpExtTCPLossProbeRecovery]++;
  } else if ((flag & (AckFlag.UnaAdvanced | AckFlag.NotDuplicate | AckFlag.DataSacked)) === 0) {
    t.tlpHighSeq = 0;
  }
}
