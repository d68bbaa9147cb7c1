/** Options by which a socket asks to be told something beside the bytes: which bit of `Tell` each of them is. */
import type { SocketOptions } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import { IP, IPV6, SO } from '../constants.ts';
import { intBytes } from '../option-bytes.ts';

/** 0 for an option that asks for nothing. */
export function tellOfIp(option: number): number {
  switch (option) {
    case IP.PKTINFO: return Tell.Info4;
    case IP.RECVTTL: return Tell.Ttl4;
    case IP.RECVTOS: return Tell.Tos4;
    case IP.RECVORIGDSTADDR: return Tell.Destination4;
    case IP.RECVOPTS: return Tell.Options4;
    case IP.RETOPTS: return Tell.ReturnOptions4;
    case IP.CHECKSUM: return Tell.Checksum4;
    case IP.RECVFRAGSIZE: return Tell.Fragment4;
    default: return 0;
  }
}

export function tellOfIpv6(option: number): number {
  switch (option) {
    case IPV6.RECVPKTINFO: return Tell.Info6;
    case IPV6.RECVHOPLIMIT: return Tell.Hops6;
    case IPV6.RECVTCLASS: return Tell.Class6;
    case IPV6.RECVORIGDSTADDR: return Tell.Destination6;
    case IPV6['2292PKTINFO']: return Tell.OldInfo6;
    case IPV6['2292HOPLIMIT']: return Tell.OldHops6;
    case IPV6.RECVHOPOPTS: return Tell.HopOptions6;
    case IPV6.RECVDSTOPTS: return Tell.DestinationOptions6;
    case IPV6.RECVRTHDR: return Tell.Routing6;
    case IPV6['2292HOPOPTS']: return Tell.OldHopOptions6;
    case IPV6['2292DSTOPTS']: return Tell.OldDestinationOptions6;
    case IPV6['2292RTHDR']: return Tell.OldRouting6;
    case IPV6.FLOWINFO: return Tell.Flow6;
    case IPV6.RECVFRAGSIZE: return Tell.Fragment6;
    case IPV6.RECVPATHMTU: return Tell.PathMtu6;
    default: return 0;
  }
}

export function setTell(options: SocketOptions, bit: number, on: boolean): number {
  if (on) options.tell |= bit;
  else options.tell &= ~bit;
  return 0;
}

/** SO_TIMESTAMP and its kin: the four are one setting (sk_getsockopt, __sock_set_timestamps). Null for another option. */
function getTimestamps({ tell }: SocketOptions, option: number): boolean | null {
  const isOn = (tell & Tell.Time) !== 0;
  const isNew = (tell & Tell.NewTime) !== 0;
  const isNano = (tell & Tell.Nanoseconds) !== 0;
  switch (option) {
    case SO.TIMESTAMP: return isOn && !isNew && !isNano;
    case SO.TIMESTAMPNS: return isNano && !isNew;
    case SO.TIMESTAMP_NEW: return isOn && isNew;
    case SO.TIMESTAMPNS_NEW: return isNano && isNew;
    default: return null;
  }
}

/** False for another option. */
function setTimestamps(options: SocketOptions, option: number, on: boolean): boolean {
  const isNano = option === SO.TIMESTAMPNS || option === SO.TIMESTAMPNS_NEW;
  const isNew = option === SO.TIMESTAMP_NEW || option === SO.TIMESTAMPNS_NEW;
  if (!isNano && !isNew && option !== SO.TIMESTAMP) return false;
  if (!on) {
    options.tell &= ~(Tell.Time | Tell.Nanoseconds);
    return true;
  }
  setTell(options, Tell.NewTime, isNew);
  setTell(options, Tell.Nanoseconds, isNano);
  setTell(options, Tell.Time, true);
  return true;
}

/** SOL_SOCKET's options of this kind, which all families have: the value's bytes, or null for another option. */
export function getTold(options: SocketOptions, option: number, length: number): Uint8Array | null {
  switch (option) {
    case SO.RXQ_OVFL: return intBytes((options.tell & Tell.Lost) !== 0 ? 1 : 0, length);
    case SO.SELECT_ERR_QUEUE: return intBytes(options.selectErrors ? 1 : 0, length);
    default: {
      const isOn = getTimestamps(options, option);
      return isOn === null ? null : intBytes(isOn ? 1 : 0, length);
    }
  }
}

/** 0, or null for another option. */
export function setTold(options: SocketOptions, option: number, on: boolean): 0 | null {
  switch (option) {
    case SO.RXQ_OVFL: setTell(options, Tell.Lost, on); return 0;
    case SO.SELECT_ERR_QUEUE: options.selectErrors = on; return 0;
    default: return setTimestamps(options, option, on) ? 0 : null;
  }
}
