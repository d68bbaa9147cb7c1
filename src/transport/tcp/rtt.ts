/**
 * Round-trip time and retransmission timeout: RFC 6298 with Linux's refinements (mdev_max, a floor of 200 ms under the
 * variance instead of under the timeout, slower decay when the RTT falls).
 *
 * Called by input (acknowledgements, handshakes).
 */
import { seqGt } from '../../base/seq.ts';
import type { TcpEndpoint } from './endpoint.ts';

/** Takes a sample in microseconds (>= 0). */
export function rttSample(t: TcpEndpoint, sampleUs: number): void {
  const settings = t.tcp.context.settings;
  const rtoMinUs = settings.tcpRtoMinUs;
  let m = sampleUs;
  let srtt = t.srttUs;
  if (srtt !== 0) {
    m -= srtt >> 3;
    srtt += m;
    if (m < 0) {
      m = -m;
      m -= t.mdevUs >> 2;
      // A falling RTT is no reason to raise the deviation at full speed.
      if (m > 0) m >>= 3;
    } else {
      m -= t.mdevUs >> 2;
    }
    t.mdevUs += m;
    if (t.mdevUs > t.mdevMaxUs) {
      t.mdevMaxUs = t.mdevUs;
      if (t.mdevMaxUs > t.rttvarUs) t.rttvarUs = t.mdevMaxUs;
    }
    if (seqGt(t.sndUna, t.rttSeq)) {
      if (t.mdevMaxUs < t.rttvarUs) t.rttvarUs -= (t.rttvarUs - t.mdevMaxUs) >> 2;
      t.rttSeq = t.sndNxt;
      t.mdevMaxUs = rtoMinUs;
    }
  } else {
    srtt = m << 3;
    t.mdevUs = m << 1;
    t.rttvarUs = Math.max(t.mdevUs, rtoMinUs);
    t.mdevMaxUs = t.rttvarUs;
    t.rttSeq = t.sndNxt;
  }
  t.srttUs = srtt > 1 ? srtt : 1;
}

/** RTO from the estimates, without backoff. */
export function setRto(t: TcpEndpoint): void {
  const rto = (t.srttUs >> 3) + t.rttvarUs;
  const max = t.tcp.context.settings.tcpRtoMaxMs * 1000;
  t.rtoUs = rto < max ? rto : max;
}

/** The smallest RTT of the last five minutes (Linux keeps three samples of a window; one with its age does here). */
export function updateMinRtt(t: TcpEndpoint, sampleUs: number): void {
  const nowMs = t.tcp.nowMs;
  if (sampleUs <= t.minRttUs || ((nowMs - t.minRttStampMs) | 0) > 300000) {
    t.minRttUs = sampleUs > 0 ? sampleUs : 1;
    t.minRttStampMs = nowMs;
  }
}
