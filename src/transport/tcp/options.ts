/** Options of IPPROTO_TCP (tcp(7), linux/tcp.h): what getsockopt(2) shows of a connection and setsockopt(2) changes. */
import { Errno } from '../../base/errno.ts';
import { DELACK_MIN_US } from './constants.ts';
import { sendAck } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { keepaliveTime } from './keepalive.ts';
import { nagleOf } from './nagle.ts';
import { pushPending } from './output.ts';
import { RecordFlag, type SendRecord } from './send-record.ts';
import { TcpState } from './state.ts';
import { Bit, ownUser } from './tcb.ts';

const Option = {
  NoDelay: 1, MaxSegment: 2, Cork: 3, KeepIdle: 4, KeepInterval: 5, KeepCount: 6, SynCount: 7, Linger2: 8, DeferAccept: 9,
  WindowClamp: 10, QuickAck: 12, ThinLinear: 16, ThinDuplicateAck: 17, UserTimeout: 18, NotSentLowWater: 25, Rest: 36,
} as const;
const MAX_KEEP_SECONDS = 32767;

/** getsockopt(2) of IPPROTO_TCP: the value, or -ENOPROTOOPT. */
export function getTcpOption(t: TcpEndpoint, option: number): number {
  const { user, bits } = t;
  const settings = t.tcp.context.settings;
  switch (option) {
    case Option.NoDelay: return (bits & Bit.NoDelay) !== 0 ? 1 : 0;
    case Option.Cork: return (bits & Bit.Cork) !== 0 ? 1 : 0;
    case Option.MaxSegment: {
      const chosen = user === null ? 0 : user.maxSegment;
      return t.state === TcpState.Closed || t.state === TcpState.Listen ? (chosen !== 0 ? chosen : t.mss) : t.mss;
    }
    case Option.KeepIdle: return Math.floor(keepaliveTime(t) / 1e6);
    case Option.KeepInterval: return user !== null && user.keepIntervalUs !== 0 ? user.keepIntervalUs / 1e6 : settings.tcpKeepaliveIntvl;
    case Option.KeepCount: return user !== null && user.keepCount !== 0 ? user.keepCount : settings.tcpKeepaliveProbes;
    case Option.SynCount: return t.synRetries;
    case Option.Linger2: return user !== null && user.linger2Us !== 0 ? (user.linger2Us < 0 ? -1 : user.linger2Us / 1e6) : settings.tcpFinTimeout;
    case Option.DeferAccept: return user === null ? 0 : secondsOfTimeouts(user.deferAccept);
    case Option.WindowClamp: return t.windowClamp;
    case Option.QuickAck: return t.pingPong < 1 ? 1 : 0;
    case Option.UserTimeout: return t.userTimeoutMs;
    case Option.NotSentLowWater: return user === null ? 0 : user.notSentLowWater;
    case Option.ThinLinear: return user !== null && user.thinLinear ? 1 : 0;
    // Early retransmission of thin streams left Linux in 4.6; the name stayed.
    case Option.ThinDuplicateAck: return 0;
    case Option.Rest: return user !== null && user.tellsRest ? 1 : 0;
    default: return -Errno.ENOPROTOOPT;
  }
}

/** setsockopt(2) of IPPROTO_TCP: 0, -EINVAL or -ENOPROTOOPT. */
export function setTcpOption(t: TcpEndpoint, option: number, value: number): number {
  const on = value !== 0;
  switch (option) {
    case Option.NoDelay:
      if (on) {
        t.bits |= Bit.NoDelay;
        flushQueue(t);
      } else {
        t.bits &= ~Bit.NoDelay;
      }
      return 0;
    case Option.Cork:
      if (on) {
        t.bits |= Bit.Cork;
      } else {
        t.bits &= ~Bit.Cork;
        flushQueue(t);
      }
      return 0;
    case Option.MaxSegment:
      if (value !== 0 && (value < 88 || value > 32767)) return -Errno.EINVAL;
      ownUser(t).maxSegment = value;
      return 0;
    case Option.KeepIdle:
      if (value < 1 || value > MAX_KEEP_SECONDS) return -Errno.EINVAL;
      ownUser(t).keepIdleUs = value * 1e6;
      t.keepAliveChanged();
      return 0;
    case Option.KeepInterval:
      if (value < 1 || value > MAX_KEEP_SECONDS) return -Errno.EINVAL;
      ownUser(t).keepIntervalUs = value * 1e6;
      return 0;
    case Option.KeepCount:
      if (value < 1 || value > 127) return -Errno.EINVAL;
      ownUser(t).keepCount = value;
      return 0;
    case Option.SynCount:
      if (value < 1 || value > 127) return -Errno.EINVAL;
      ownUser(t).synCount = value;
      return 0;
    case Option.Linger2:
      ownUser(t).linger2Us = value < 0 ? -1 : value > 120 ? 120e6 : value * 1e6;
      return 0;
    case Option.DeferAccept:
      ownUser(t).deferAccept = timeoutsOfSeconds(value);
      return 0;
    case Option.WindowClamp:
      if (value === 0 && t.state !== TcpState.Closed) return -Errno.EINVAL;
      ownUser(t).windowClamp = value;
      t.windowClamp = value === 0 ? 0 : Math.max(value, 1152);
      return 0;
    case Option.QuickAck:
      if (on) {
        t.pingPong = 0;
        t.atoUs = DELACK_MIN_US;
        if ((t.bits & Bit.AckScheduled) !== 0 && t.state >= TcpState.Established) sendAck(t);
      } else {
        t.pingPong = 1;
      }
      return 0;
    case Option.UserTimeout:
      if (value < 0) return -Errno.EINVAL;
      t.userTimeoutMs = value;
      return 0;
    case Option.NotSentLowWater:
      ownUser(t).notSentLowWater = value >>> 0;
      if (t.state >= TcpState.Established) t.roomMade();
      return 0;
    case Option.ThinLinear: case Option.ThinDuplicateAck: case Option.Rest:
      if (value !== 0 && value !== 1) return -Errno.EINVAL;
      if (option === Option.ThinLinear) ownUser(t).thinLinear = on;
      else if (option === Option.Rest) ownUser(t).tellsRest = on;
      return 0;
    default:
      return -Errno.ENOPROTOOPT;
  }
}

function flushQueue(t: TcpEndpoint): void {
  if (t.state < TcpState.Established || t.sendHead === null) return;
  t.tcp.refreshClock();
  (t.lastRecord as SendRecord).flags |= RecordFlag.Push;
  pushPending(t, nagleOf(t) | 1);
}

/** How many doubling timeouts, from one second on, take as long as that (secs_to_retrans). */
function timeoutsOfSeconds(seconds: number): number {
  if (seconds <= 0) return 0;
  let count = 1;
  let timeout = 1;
  let period = 1;
  while (seconds > period && count < 255) {
    count++;
    timeout = Math.min(timeout * 2, 120);
    period += timeout;
  }
  return count;
}

/** The other way round, so that getsockopt shows more seconds than were asked for (retrans_to_secs). */
function secondsOfTimeouts(count: number): number {
  let period = 0;
  for (let i = 0, timeout = 1; i < count; i++, timeout = Math.min(timeout * 2, 120)) period += timeout;
  return period;
}
