/** What ss(8) prints behind a socket's ends: timers (-o), -e, memory (-m), TCP's own state (-i). */
import { AF_INET6 } from '../api/posix/constants.ts';
import { INET_DIAG, UNIX_DIAG } from '../api/posix/sock-diag.ts';
import type { SsSocket } from './ss-dump.ts';

const TIMERS = ['off', 'on', 'keepalive', 'timewait', 'persist', 'unknown'];
const LISTEN = 10;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** print_ms_timer: minutes, seconds and milliseconds, the small ones left out where the large ones are large. */
function timeText(ms: number): string {
  const minutes = Math.floor(ms / 60000);
  const seconds = Math.floor(ms / 1000) % 60;
  let rest = ms % 1000;
  let text = '';
  if (minutes > 0) {
    rest = 0;
    text += `${minutes}min`;
    if (minutes > 9) return text;
  }
  if (seconds > 0) {
    if (seconds > 9) rest = 0;
    text += `${seconds}${rest > 0 ? '.' : 'sec'}`;
  }
  return rest > 0 ? `${text}${String(rest).padStart(3, '0')}ms` : text;
}

export function timerText({ timer, expiresMs, retransmits }: SsSocket): string {
  return timer === 0 ? '' : ` timer:(${TIMERS[Math.min(timer, 5)]},${timeText(expiresMs)},${retransmits})`;
}

function arrows(shut: Uint8Array | undefined): string {
  if (shut === undefined) return '';
  const mask = shut[0] as number;
  return ` ${(mask & 1) !== 0 ? '-' : '<'}-${(mask & 2) !== 0 ? '-' : '>'}`;
}

export function inetDetails({ uid, inode, cookie, family, attributes }: SsSocket): string {
  const v6Only = attributes.get(INET_DIAG.SKV6ONLY);
  return `${uid === 0 ? '' : ` uid:${uid}`} ino:${inode} sk:${cookie.toString(16)}` +
    `${family === AF_INET6 && v6Only !== undefined ? ` v6only:${v6Only[0]}` : ''}${arrows(attributes.get(INET_DIAG.SHUTDOWN))}`;
}

export function packetDetails({ uid, inode, cookie }: SsSocket): string {
  return `${uid === 0 ? '' : ` uid:${uid}`} ino:${inode} sk:${cookie.toString(16)}`;
}

export function unixDetails({ attributes }: SsSocket): string {
  let text = arrows(attributes.get(UNIX_DIAG.SHUTDOWN));
  const node = attributes.get(UNIX_DIAG.VFS);
  if (node !== undefined) {
    const view = viewOf(node);
    const device = view.getUint32(4, true);
    // As C's major and minor split it, whatever the kernel meant.
    text += ` ino:${view.getUint32(0, true)} dev:${(device >>> 8) & 0xfff}/${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
  }
  const clients = attributes.get(UNIX_DIAG.ICONS);
  if (clients === undefined) return text;
  const view = viewOf(clients);
  text += ' peers:';
  for (let at = 0; at + 4 <= clients.length; at += 4) text += ` ${view.getUint32(at, true)}`;
  return text;
}

/** skmem: SK_MEMINFO's words in their order. */
export function memoryText(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return '';
  const view = viewOf(bytes);
  const letters = ['r', 'rb', 't', 'tb', 'f', 'w', 'o', 'bl', 'd'];
  return ` skmem:(${letters.slice(0, bytes.length >> 2).map((letter, i) => `${letter}${view.getUint32(4 * i, true)}`).join(',')})`;
}

/** C's %g: six significant digits. */
function g(value: number): string {
  const text = value.toPrecision(6);
  if (text.includes('e')) return text.replace(/\.?0+e/, 'e').replace(/e([+-])(\d)$/, 'e$10$2');
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Offsets in `struct tcp_info`. */
const Info = {
  Options: 5, Scales: 6, Rto: 8, Ato: 12, Mss: 16, RcvMss: 20, Unacked: 24, Sacked: 28, Lost: 32, Retrans: 36, Fackets: 40, LastSent: 44,
  LastReceived: 52, LastAck: 56, Pmtu: 60, RcvSsthresh: 64, Rtt: 68, RttVar: 72, Ssthresh: 76, Cwnd: 80, AdvMss: 84, Reordering: 88,
  RcvRtt: 92, RcvSpace: 96, TotalRetrans: 100, PacingRate: 104, MaxPacingRate: 112, BytesAcked: 120, BytesReceived: 128, SegsOut: 136,
  SegsIn: 140, NotSent: 144, MinRtt: 148, DataSegsIn: 152, DataSegsOut: 156, DeliveryRate: 160, Busy: 168, RwndLimited: 176,
  SndbufLimited: 184, Delivered: 192, DeliveredCe: 196, BytesSent: 200, BytesRetrans: 208, DsackDups: 216, ReordSeen: 220, RcvOoo: 224,
  SndWnd: 228,
} as const;
const NO_RATE = 0xffffffffffffffffn;
const MOST_SSTHRESH = 0xffff;
const ALL_ONES = 0xffffffff;
const USUAL_REORDERING = 3;

/** tcp_stats_print: what is 0 is left out. */
export function tcpText({ attributes, state }: SsSocket, showsOptions: boolean): string {
  const info = attributes.get(INET_DIAG.INFO);
  if (info === undefined) return '';
  const whole = new Uint8Array(Math.max(info.length, Info.SndWnd + 4));
  whole.set(info);
  const view = viewOf(whole);
  const int = (at: number): number => view.getUint32(at, true);
  const long = (at: number): bigint => view.getBigUint64(at, true);
  let text = '';
  const add = (name: string, value: number | bigint): void => {
    if (value !== 0 && value !== 0n) text += ` ${name}:${value}`;
  };
  const addMs = (name: string, us: number): void => {
    if (us !== 0) text += ` ${name}:${g(us / 1000)}`;
  };
  const options = whole[Info.Options] as number;
  if (showsOptions) text += `${(options & 1) !== 0 ? ' ts' : ''}${(options & 2) !== 0 ? ' sack' : ''}${(options & 8) !== 0 ? ' ecn' : ''}`;
  const congestion = attributes.get(INET_DIAG.CONG);
  if (congestion !== undefined) text += ` ${new TextDecoder().decode(congestion).replace(/\0.*$/s, '')}`;
  const scales = whole[Info.Scales] as number;
  if ((options & 4) !== 0) text += ` wscale:${scales & 0xf},${scales >> 4}`;
  addMs('rto', int(Info.Rto));
  add('backoff', whole[4] as number);
  if (int(Info.Rtt) !== 0) text += ` rtt:${g(int(Info.Rtt) / 1000)}/${g(int(Info.RttVar) / 1000)}`;
  addMs('ato', int(Info.Ato));
  add('mss', int(Info.Mss));
  add('pmtu', int(Info.Pmtu));
  add('rcvmss', int(Info.RcvMss));
  add('advmss', int(Info.AdvMss));
  add('cwnd', int(Info.Cwnd));
  if (int(Info.Ssthresh) < MOST_SSTHRESH) add('ssthresh', int(Info.Ssthresh));
  add('bytes_sent', long(Info.BytesSent));
  add('bytes_retrans', long(Info.BytesRetrans));
  add('bytes_acked', long(Info.BytesAcked));
  add('bytes_received', long(Info.BytesReceived));
  add('segs_out', int(Info.SegsOut));
  add('segs_in', int(Info.SegsIn));
  add('data_segs_out', int(Info.DataSegsOut));
  add('data_segs_in', int(Info.DataSegsIn));
  if (int(Info.Rtt) > 0 && int(Info.Mss) > 0 && int(Info.Cwnd) > 0) {
    text += ` send ${((int(Info.Cwnd) * int(Info.Mss) * 8_000_000) / int(Info.Rtt)).toFixed(0)}bps`;
  }
  add('lastsnd', int(Info.LastSent));
  add('lastrcv', int(Info.LastReceived));
  add('lastack', int(Info.LastAck));
  const pacing = long(Info.PacingRate);
  if (pacing !== 0n && pacing !== NO_RATE) text += ` pacing_rate ${pacing * 8n}bps`;
  const delivery = long(Info.DeliveryRate);
  if (delivery !== 0n) text += ` delivery_rate ${delivery * 8n}bps`;
  add('delivered', int(Info.Delivered));
  add('delivered_ce', int(Info.DeliveredCe));
  if (((whole[7] as number) & 1) !== 0) text += ' app_limited';
  const busy = long(Info.Busy);
  if (busy !== 0n) text += ` busy:${busy / 1000n}ms`;
  add('unacked', int(Info.Unacked));
  if (int(Info.Retrans) !== 0 || int(Info.TotalRetrans) !== 0) text += ` retrans:${int(Info.Retrans)}/${int(Info.TotalRetrans)}`;
  add('lost', int(Info.Lost));
  if (state !== LISTEN) add('sacked', int(Info.Sacked));
  add('dsack_dups', int(Info.DsackDups));
  add('fackets', int(Info.Fackets));
  if (int(Info.Reordering) !== USUAL_REORDERING) add('reordering', int(Info.Reordering));
  add('reord_seen', int(Info.ReordSeen));
  addMs('rcv_rtt', int(Info.RcvRtt));
  add('rcv_space', int(Info.RcvSpace));
  add('rcv_ssthresh', int(Info.RcvSsthresh));
  add('notsent', int(Info.NotSent));
  if (int(Info.MinRtt) !== ALL_ONES) addMs('minrtt', int(Info.MinRtt));
  add('rcv_ooopack', int(Info.RcvOoo));
  add('snd_wnd', int(Info.SndWnd));
  return text;
}
