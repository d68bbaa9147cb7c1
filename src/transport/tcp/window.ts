/**
 * What we offer to receive: the window of every segment we send, and how it grows (Linux's tcp_select_window,
 * tcp_grow_window and tcp_rcv_space_adjust).
 *
 *   receive buffer (bytes of memory) --half of it--> window space; rcvSsthresh climbs towards windowClamp as data proves
 *   to be worth its memory; auto-tuning raises the buffer itself up to tcp_rmem[2].
 *
 * Deviation: Linux measures how much of a received packet's memory is payload and scales by that; here it is always
 * half, where Linux begins (TCP_DEFAULT_SCALING_RATIO).
 */
import { blockOf, SHARED_INFO, SK_BUFF } from '../../base/buffer-size.ts';
import { Mib } from '../../base/counters.ts';
import { seqLt } from '../../base/seq.ts';
import { MAX_WINDOW_SCALE } from '../../wire/tcp.ts';
import { INIT_CWND, PACKET_OVERHEAD } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { ReceiveTuning } from './tcb.ts';

/** Results of selectInitialWindow. */
export const initialWindow = { window: 0, scale: 0, clamp: 0 };

/** First window and scale of a SYN or SYN-ACK (tcp_select_initial_window); results in `initialWindow`. */
export function selectInitialWindow(
  space: number, mss: number, clamp: number, scaleOk: boolean, rmemMax: number, coreRmemMax: number,
): void {
  const limit = clamp === 0 ? 65535 * 16384 : clamp;
  let room = Math.min(limit, Math.max(space, 0));
  if (room > mss) room -= room % mss;
  initialWindow.window = Math.min(room, 65535);
  let scale = 0;
  if (scaleOk) {
    const most = Math.min(Math.max(room, rmemMax, coreRmemMax), limit);
    scale = Math.min(Math.max(31 - Math.clz32(most) - 15, 0), MAX_WINDOW_SCALE);
  }
  initialWindow.scale = scale;
  initialWindow.clamp = Math.min(65535 * (1 << scale), limit);
}

/** Window space of `bytes` of receive memory. */
export function windowFromSpace(bytes: number): number {
  return bytes > 0 ? bytes >> 1 : 0;
}

/** What the peer may still send of the window it was told. */
export function receiveWindow(t: TcpEndpoint): number {
  const window = (t.rcvWup + t.rcvWnd - t.rcvNxt) | 0;
  return window > 0 ? window : 0;
}

/** The window field of the segment that is about to go: never shrinks what was offered (RFC 9293 3.8.6). */
export function selectWindow(t: TcpEndpoint): number {
  const old = t.rcvWnd;
  const current = receiveWindow(t);
  let window = bestWindow(t);
  if (window < current) {
    if (window === 0) t.tcp.counters[Mib.TcpExtTCPWantZeroWindowAdv]++;
    const unit = (1 << t.rcvScale) - 1;
    window = (current + unit) & ~unit;
  }
  t.rcvWnd = window;
  t.rcvWup = t.rcvNxt;
  const most = 65535 * (1 << t.rcvScale);
  if (window > most) window = most;
  window >>= t.rcvScale;
  if (window === 0) {
    if (old !== 0) t.tcp.counters[Mib.TcpExtTCPToZeroWindowAdv]++;
  } else if (old === 0) {
    t.tcp.counters[Mib.TcpExtTCPFromZeroWindowAdv]++;
  }
  return window;
}

/** What we would offer now (__tcp_select_window): avoids the silly window, goes to zero when memory is short. */
export function bestWindow(t: TcpEndpoint): number {
  let mss = t.rcvMss;
  const rcvBuf = t.receiveBufferBytes;
  let free = windowFromSpace(rcvBuf - t.receivedBytes);
  const allowed = windowFromSpace(rcvBuf);
  const full = t.windowClamp < allowed ? t.windowClamp : allowed;
  if (mss > full) {
    mss = full;
    if (mss <= 0) return 0;
  }
  const scale = t.rcvScale;
  const { tcpMemory } = t.tcp.context;
  if (free < full >> 1) {
    t.quick = 0;
    if (tcpMemory.isPressed && t.rcvSsthresh > 4 * t.advMss) t.rcvSsthresh = 4 * t.advMss;
    // What is free may become our window: round it so that the scale does not enlarge it.
    free &= ~((1 << scale) - 1);
    if (free < allowed >> 4 || free < mss) return 0;
  }
  if (free > t.rcvSsthresh) free = t.rcvSsthresh;
  if (scale !== 0) {
    const unit = (1 << scale) - 1;
    return (free + unit) & ~unit;
  }
  const window = t.rcvWnd;
  if (window <= free - mss || window > free) return mss > 0 ? free - (free % mss) : free;
  if (mss === full && free > window + (full >> 1)) return free;
  return window;
}

/** A segment of `length` bytes came in: may more be offered? (tcp_grow_window) */
export function growWindow(t: TcpEndpoint, length: number): void {
  const space = windowFromSpace(t.receiveBufferBytes - t.receivedBytes);
  const room = (t.windowClamp < space ? t.windowClamp : space) - t.rcvSsthresh;
  if (room <= 0 || t.tcp.context.tcpMemory.isPressed) return;
  let increase = 0;
  let truesize = windowFromSpace(length + PACKET_OVERHEAD);
  if (truesize <= length) {
    increase = 2 * t.advMss;
  } else {
    // Small segments cost more than they carry: they may only fill part of the largest buffer.
    let window = windowFromSpace(t.tcp.context.settings.tcpRmemMax) >> 1;
    truesize >>= 1;
    while (t.rcvSsthresh <= window) {
      if (truesize <= length) {
        increase = 2 * t.rcvMss;
        break;
      }
      truesize >>= 1;
      window >>= 1;
    }
  }
  if (increase === 0) return;
  if (increase < 2 * length) increase = 2 * length;
  t.rcvSsthresh += increase < room ? increase : room;
  t.quick |= 1;
}

/** Buffers and windows at the moment the connection is established (tcp_init_buffer_space). */
export function initBufferSpace(t: TcpEndpoint): void {
  expandSendBuffer(t);
  const full = windowFromSpace(t.receiveBufferBytes);
  if (t.windowClamp >= full) t.windowClamp = full;
  if (t.rcvSsthresh > t.windowClamp) t.rcvSsthresh = t.windowClamp;
  t.cwndStampMs = t.tcp.nowMs;
}

function tuningOf(t: TcpEndpoint): ReceiveTuning {
  let tuning = t.tuning;
  if (tuning === null) {
    tuning = new ReceiveTuning();
    tuning.spaceSeq = t.copiedSeq;
    tuning.spaceStartUs = t.tcp.nowUs;
    tuning.space = Math.min(t.rcvSsthresh, t.rcvWnd, INIT_CWND * t.advMss);
    tuning.rttSeq = (t.rcvNxt + t.rcvWnd) | 0;
    tuning.rttStartUs = t.tcp.nowUs;
    t.tuning = tuning;
  }
  return tuning;
}

/** Estimates the RTT from the receiver's side; `length` bytes were just queued (tcp_rcv_rtt_measure and ..._ts). */
export function measureReceiveRtt(t: TcpEndpoint, length: number, hasTimestamps: boolean, tsEcr: number): void {
  const tuning = tuningOf(t);
  const nowUs = t.tcp.nowUs;
  if (!seqLt(t.rcvNxt, tuning.rttSeq)) {
    // A whole window arrived since the mark: at least one round trip.
    const delta = (nowUs - tuning.rttStartUs) | 0;
    const sample = (delta > 0 ? delta : 1) << 3;
    if (tuning.rttUs === 0 || sample < tuning.rttUs) tuning.rttUs = sample;
    tuning.rttSeq = (t.rcvNxt + t.rcvWnd) | 0;
    tuning.rttStartUs = nowUs;
  }
  if (hasTimestamps && tsEcr !== tuning.lastTsEcr) {
    tuning.lastTsEcr = tsEcr;
    if (length >= t.rcvMss) {
      const ms = (t.tcp.nowMs + t.tsOffset - tsEcr) | 0;
      if (ms >= 0 && ms < 2000000) {
        const us = ms === 0 ? 1000 : ms * 1000;
        tuning.rttUs = tuning.rttUs === 0 ? us << 3 : tuning.rttUs + (us - (tuning.rttUs >> 3));
      }
    }
  }
}

/** The user has read: once per RTT, does the buffer keep up with the sender? (tcp_rcv_space_adjust) */
export function adjustReceiveSpace(t: TcpEndpoint): void {
  const tuning = t.tuning;
  if (tuning === null) return;
  const nowUs = t.tcp.nowUs;
  const elapsed = (nowUs - tuning.spaceStartUs) | 0;
  if (tuning.rttUs === 0 || elapsed < tuning.rttUs >> 3) return;
  const copied = (t.copiedSeq - tuning.spaceSeq) | 0;
  if (copied > tuning.space) {
    const settings = t.tcp.context.settings;
    if (settings.tcpModerateRcvbuf !== 0 && !t.settledOptions.receiveBufferLocked) {
      // Twice what was read in one RTT, and more when that grew: the sender may be in slow start.
      let window = copied * 2 + 16 * t.advMss;
      window += Math.floor((window * (copied - tuning.space)) / tuning.space) * 2;
      const bytes = Math.min(window * 2, settings.tcpRmemMax);
      if (bytes > t.rcvBufBytes) {
        t.rcvBufBytes = bytes;
        t.windowClamp = windowFromSpace(bytes);
      }
    }
    tuning.space = copied;
  }
  tuning.spaceSeq = t.copiedSeq;
  tuning.spaceStartUs = nowUs;
}

/** What Linux leaves free in front of a segment's payload (MAX_TCP_HEADER). */
const MAX_TCP_HEADER = 320;

/** The send buffer follows the congestion window (tcp_sndbuf_expand). */
export function expandSendBuffer(t: TcpEndpoint): void {
  if (t.settledOptions.sendBufferLocked) return;
  const payload = t.mssClamp > t.mss ? t.mssClamp : t.mss;
  const perSegment = blockOf(payload + MAX_TCP_HEADER + SHARED_INFO) + SK_BUFF;
  const segments = Math.max(INIT_CWND, t.cwnd, t.reordering + 1);
  const bytes = Math.min(2 * segments * perSegment, t.tcp.context.settings.tcpWmemMax);
  if (bytes > t.sndBufBytes) t.sndBufBytes = bytes;
}
