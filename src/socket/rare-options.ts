/**
 * SOL_SOCKET's options that hardly any program sets (net/core/sock.c): null for one that is not here. Several of them ask a
 * device for something that none of ours can do, as few of Linux's can (SO_WIFI_STATUS, SO_NOFCS, SO_BUSY_POLL ...): they
 * are kept and shown, and have no effect there either.
 */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import { NO_RARE, rareOf } from '../transport/rare-options.ts';
import { Tell } from '../transport/tell.ts';
import type { Caller } from './caller.ts';
import { AF, IPPROTO, SO, SOCK } from './constants.ts';
import { ints } from './control.ts';
import { mayMark } from './mark.ts';
import { intBytes, readInt } from './option-bytes.ts';
import type { Socket } from './socket.ts';

/** SKF_AD_MAX: how many ancillary loads our filters know (bpf/machine.ts). */
const BPF_EXTENSIONS = 64;
/** SO_BUSY_POLL_BUDGET: what an interface's poll takes at once, for everybody (BUSY_POLL_BUDGET). */
const COMMON_BUDGET = 8;
const MOST_BUDGET = 0xffff;
/** CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_TAI, and SOF_TXTIME_FLAGS_MASK. */
const REALTIME = 0, MONOTONIC = 1, TAI = 11;
const TXTIME_FLAGS = 3;

/** The option's bytes, a negative errno, or null. */
export function getRareOption(socket: Socket, option: number, length: number): Uint8Array | number | null {
  const options = socket.settledOptions;
  const { rare, tell } = options;
  const flag = (value: boolean): Uint8Array => intBytes(value ? 1 : 0, length);
  switch (option) {
    case SO.DEBUG: return flag(rare.debug);
    case SO.WIFI_STATUS: return flag(rare.wifiStatus);
    case SO.NOFCS: return flag(rare.noFcs);
    case SO.BUSY_POLL: return intBytes(rare.busyPollUs, length);
    case SO.PREFER_BUSY_POLL: return flag(rare.preferBusyPoll);
    case SO.MAX_PACING_RATE: {
      if (length >= 8) return ints([rare.pacingLow, rare.pacingHigh]);
      // Four bytes show no more than they can hold.
      return intBytes(rare.pacingHigh !== 0 ? -1 : rare.pacingLow, length);
    }
    case SO.BPF_EXTENSIONS: return intBytes(BPF_EXTENSIONS, length);
    case SO.INCOMING_CPU: return intBytes(rare.incomingCpu, length);
    case SO.INCOMING_NAPI_ID: return intBytes(0, length);
    case SO.MEMINFO: return ints(socket.memory()).subarray(0, Math.min(36, length));
    case SO.COOKIE: return length < 8 ? -Errno.EINVAL : ints([socket.stack.cookieOf(socket), 0]);
    case SO.NETNS_COOKIE: return length !== 8 ? -Errno.EINVAL : ints([socket.stack.cookie, 0]);
    case SO.ZEROCOPY: return flag(rare.zeroCopy);
    case SO.TXTIME: return ints([rare.txTimeClock, rare.txTimeFlags]).subarray(0, Math.min(8, length));
    case SO.TXREHASH: return isStream(socket) ? flag(rare.txRehash) : -Errno.EOPNOTSUPP;
    case SO.RESERVE_MEM: return intBytes(0, length);
    case SO.RCVMARK: return flag((tell & Tell.Mark) !== 0);
    case SO.RCVPRIORITY: return flag((tell & Tell.Priority) !== 0);
    case SO.PEERCRED: return ints([0, -1, -1]).subarray(0, Math.min(12, length));
    // Nobody connected them who could have had groups or a number.
    case SO.PEERGROUPS: case SO.PEERPIDFD: return -Errno.ENODATA;
    case SO.PEEK_OFF: return hasPeekOffset(socket) ? intBytes(rare.peekOffset, length) : -Errno.EOPNOTSUPP;
    // Only AF_UNIX passes on who sends (sk_may_scm_recv).
    case SO.PASSCRED: case SO.PASSSEC: case SO.PASSPIDFD: case SO.PASSRIGHTS: return -Errno.EOPNOTSUPP;
    default: return null;
  }
}

/** 0, a negative errno, or null. `value` has four bytes at least. */
export function setRareOption(socket: Socket, option: number, value: Uint8Array, { credentials }: Caller): number | null {
  const { options } = socket;
  const n = readInt(value);
  const on = n !== 0;
  switch (option) {
    case SO.DEBUG:
      if (on && !credentials.has(Capability.NET_ADMIN)) return -Errno.EACCES;
      rareOf(options).debug = on;
      return 0;
    case SO.WIFI_STATUS: rareOf(options).wifiStatus = on; return 0;
    case SO.NOFCS: rareOf(options).noFcs = on; return 0;
    case SO.BUSY_POLL:
      if (n > options.rare.busyPollUs && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
      if (n < 0) return -Errno.EINVAL;
      rareOf(options).busyPollUs = n;
      return 0;
    case SO.PREFER_BUSY_POLL:
      if (on && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
      rareOf(options).preferBusyPoll = on;
      return 0;
    case SO.BUSY_POLL_BUDGET:
      if (n > COMMON_BUDGET && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
      return n < 0 || n > MOST_BUDGET ? -Errno.EINVAL : 0;
    case SO.MAX_PACING_RATE: return setPacing(socket, value, n);
    case SO.INCOMING_CPU: rareOf(options).incomingCpu = n; return 0;
    // 1 asks for another way, which is looked up for each packet anyway (dst_negative_advice).
    case SO.CNX_ADVICE: return 0;
    case SO.ZEROCOPY:
      if (!isStream(socket) && !isUdp(socket)) return -Errno.EOPNOTSUPP;
      if (n !== 0 && n !== 1) return -Errno.EINVAL;
      rareOf(options).zeroCopy = on;
      return 0;
    case SO.TXTIME: return setTxTime(socket, value, credentials);
    case SO.TXREHASH:
      if (!isStream(socket)) return -Errno.EOPNOTSUPP;
      if (n < -1 || n > 1) return -Errno.EINVAL;
      // -1 is the default of `net.core.txrehash`.
      rareOf(options).txRehash = on;
      return 0;
    // Only control groups of memory can set some aside (sk_reserve_memory).
    case SO.RESERVE_MEM: return n < 0 ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
    case SO.RCVMARK: return setTold(socket, Tell.Mark, on, credentials);
    case SO.RCVPRIORITY: return setTold(socket, Tell.Priority, on, credentials);
    case SO.PEEK_OFF:
      if (!hasPeekOffset(socket)) return -Errno.EOPNOTSUPP;
      rareOf(options).peekOffset = n;
      return 0;
    case SO.PASSCRED: case SO.PASSSEC: case SO.PASSPIDFD: case SO.PASSRIGHTS: return -Errno.EOPNOTSUPP;
    default: return null;
  }
}

function isStream({ family, type }: Socket): boolean {
  return family !== AF.UNIX && type === SOCK.STREAM;
}

/** A raw socket may have UDP's number, too. */
function isUdp({ family, type, protocol }: Socket): boolean {
  return (family === AF.INET || family === AF.INET6) && type === SOCK.DGRAM && protocol === IPPROTO.UDP;
}

/** The families whose sockets can look further on (`set_peek_off` of their operations); AF_UNIX has its own. */
function hasPeekOffset(socket: Socket): boolean {
  return isStream(socket) || isUdp(socket);
}

function setPacing(socket: Socket, value: Uint8Array, n: number): number {
  const rare = rareOf(socket.options);
  const isWide = value.length >= 8;
  rare.pacingLow = n >>> 0;
  if (isWide) rare.pacingHigh = readInt(value.subarray(4)) >>> 0;
  // All ones of an int mean no limit, as all ones of a long do.
  else rare.pacingHigh = n === -1 ? NO_RARE.pacingHigh : 0;
  return 0;
}

/** The time at which a packet may leave is the affair of queues that no device here has (sch_fq, sch_etf). */
function setTxTime(socket: Socket, value: Uint8Array, credentials: Credentials): number {
  if (value.length !== 8) return -Errno.EINVAL;
  const clock = readInt(value);
  const flags = readInt(value.subarray(4));
  if ((flags & ~TXTIME_FLAGS) !== 0) return -Errno.EINVAL;
  if (clock !== MONOTONIC && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
  if (clock !== REALTIME && clock !== MONOTONIC && clock !== TAI) return -Errno.EINVAL;
  const rare = rareOf(socket.options);
  rare.txTime = true;
  rare.txTimeClock = clock;
  rare.txTimeFlags = flags;
  return 0;
}

function setTold({ options }: Socket, bit: number, on: boolean, credentials: Credentials): number {
  if (!mayMark(credentials)) return -Errno.EPERM;
  if (on) options.tell |= bit;
  else options.tell &= ~bit;
  return 0;
}
