/**
 * TCP_INFO: `struct tcp_info` of linux/tcp.h, as far as its first 104 bytes (what every program reads).
 */
import { linuxState } from './state.ts';
import { Bit } from './tcb.ts';
import type { TcpEndpoint } from './endpoint.ts';

const LENGTH = 104;
const TCPI_OPT_TIMESTAMPS = 1;
const TCPI_OPT_SACK = 2;
const TCPI_OPT_WSCALE = 4;

export class TcpInfo {
  private readonly t: TcpEndpoint;

  constructor(t: TcpEndpoint) {
    this.t = t;
  }

  bytes(): Uint8Array {
    const { t } = this;
    const bytes = new Uint8Array(LENGTH);
    const view = new DataView(bytes.buffer);
    const { nowMs } = t.tcp;
    bytes[0] = linuxState(t.state);
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
      t.advMss, t.reordering, t.tuning === null ? 0 : t.tuning.rttUs >> 3, t.tuning === null ? 0 : t.tuning.space,
      t.totalRetrans,
    ];
    fields.forEach((value, i) => view.setUint32(8 + 4 * i, value, true));
    return bytes;
  }
}
