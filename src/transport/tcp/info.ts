/**
 * TCP_INFO: `struct tcp_info` of linux/tcp.h: its first 104 bytes (what every program reads) for getsockopt(2), 232 for `ss -i`.
 */
import { linuxState, TcpState } from './state.ts';
import { Bit } from './tcb.ts';
import type { TcpEndpoint } from './endpoint.ts';

const LENGTH = 104;
/** And as far as `ss -i` prints it. */
const WHOLE_LENGTH = 232;
/** Where they stand in the structure. */
const Offset = {
  Unacked: 24, Sacked: 28, SendCwnd: 80, Reordering: 88,
  PacingRate: 104, MaxPacingRate: 112, BytesAcked: 120, BytesReceived: 128, SegmentsOut: 136, SegmentsIn: 140, NotSentBytes: 144, MinRtt: 148,
  DataSegmentsIn: 152, DataSegmentsOut: 156, Delivered: 192, BytesSent: 200, BytesRetransmitted: 208, SendWindow: 228,
} as const;
const INITIAL_CWND = 10;
const NO_MIN_RTT = 0x7fffffff;
const TCPI_OPT_TIMESTAMPS = 1;
const TCPI_OPT_SACK = 2;
const TCPI_OPT_WSCALE = 4;

/** What auto-tuning begins with (tcp_init_buffer_space). */
function firstSpace(t: TcpEndpoint): number {
  return t.state < TcpState.Established ? 0 : Math.min(t.rcvSsthresh, t.rcvWnd, INITIAL_CWND * t.advMss);
}

export class TcpInfo {
  private readonly t: TcpEndpoint;

  constructor(t: TcpEndpoint) {
    this.t = t;
  }

  /** With the counters that came to the structure later. What is not measured (rates, times of being busy) is 0. */
  wholeBytes(): Uint8Array {
    const { t } = this;
    const whole = new Uint8Array(WHOLE_LENGTH);
    whole.set(this.bytes());
    const view = new DataView(whole.buffer);
    const long = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
    long(Offset.MaxPacingRate, -1);
    if (t.state !== TcpState.Listen) {
      long(Offset.BytesAcked, t.bytesAcked);
      long(Offset.BytesReceived, t.bytesReceived);
      view.setUint32(Offset.SegmentsOut, t.segsOut, true);
      view.setUint32(Offset.SegmentsIn, t.segsIn, true);
      view.setUint32(Offset.DataSegmentsIn, t.dataSegsIn, true);
      view.setUint32(Offset.DataSegmentsOut, t.dataSegsOut, true);
      long(Offset.BytesSent, t.bytesSent);
      long(Offset.BytesRetransmitted, t.recovery.bytesRetrans);
      view.setUint32(Offset.NotSentBytes, Math.max(0, (t.writeSeq - t.sndNxt) | 0), true);
      view.setUint32(Offset.MinRtt, t.minRttUs === NO_MIN_RTT ? 0xffffffff : t.minRttUs, true);
      view.setUint32(Offset.Delivered, t.delivered, true);
      view.setUint32(Offset.SendWindow, t.sndWnd, true);
    }
    return whole;
  }

  bytes(): Uint8Array {
    const { t } = this;
    const bytes = new Uint8Array(LENGTH);
    const view = new DataView(bytes.buffer);
    const { nowMs } = t.tcp;
    bytes[0] = linuxState(t.state);
    if (t.state === TcpState.Listen) {
      // Little means anything of a listener: how many wait, how many may, and what its connections begin with (tcp_get_info).
      view.setUint32(Offset.Unacked, t.listener?.accepted ?? 0, true);
      view.setUint32(Offset.Sacked, t.listener?.backlog ?? 0, true);
      view.setUint32(Offset.SendCwnd, t.cwnd, true);
      view.setUint32(Offset.Reordering, t.reordering, true);
      return bytes;
    }
    bytes[1] = t.caState;
    bytes[2] = t.retransmits;
    bytes[3] = t.probesOut;
    bytes[4] = t.backoff;
    bytes[5] = ((t.bits & Bit.TimestampsOk) !== 0 ? TCPI_OPT_TIMESTAMPS : 0) | ((t.bits & Bit.SackOk) !== 0 ? TCPI_OPT_SACK : 0) |
      ((t.bits & Bit.WindowScaleOk) !== 0 ? TCPI_OPT_WSCALE : 0);
    bytes[6] = t.sndScale | (t.rcvScale << 4);
    const fields = [
      t.rtoUs, t.atoUs, t.mss, t.rcvMss, t.packetsOut, t.sackedOut, t.lostOut, t.retransOut, 0,
      (nowMs - t.lastSendMs) | 0, 0, (nowMs - t.lastReceiveMs) | 0, (nowMs - t.lastAckMs) | 0,
      t.destination === null ? 0 : t.destination.mtuBytes, t.rcvSsthresh, t.srttUs >> 3, t.mdevUs >> 2, t.ssthresh, t.cwnd,
      t.advMss, t.reordering, t.tuning === null ? 0 : t.tuning.rttUs >> 3, t.tuning === null ? firstSpace(t) : t.tuning.space,
      t.recovery.totalRetrans,
    ];
    fields.forEach((value, i) => view.setUint32(8 + 4 * i, value, true));
    return bytes;
  }
}
