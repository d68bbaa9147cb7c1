/** Options of IPPROTO_IPV6. Values, limits and errors are Linux's (net/ipv6/ipv6_sockglue.c). */
import { Errno } from '../../base/errno.ts';
import type { Caller } from '../caller.ts';
import { IPV6, SOCK } from '../constants.ts';
import { intBytes, readInt } from '../option-bytes.ts';
import type { InetSocket } from './inet.ts';
import { getMulticast6, setMulticast6 } from './multicast-options.ts';
import { setTell, tellOfIpv6 } from './inet-tell-options.ts';
import { getRareIpv6Option, setRareIpv6Option } from './inet6-rare-options.ts';

/** What `setPlain` knows, besides what asks to be told something. */
const KNOWN: readonly number[] = [
  IPV6.V6ONLY, IPV6.UNICAST_HOPS, IPV6.TCLASS, IPV6.MTU_DISCOVER, IPV6.RECVERR, IPV6.FREEBIND,
];

export function getIpv6Option(socket: InetSocket, option: number, length: number, given: Uint8Array): Uint8Array | number {
  const ofMulticast = getMulticast6(socket, option, length, given);
  if (ofMulticast !== null) return ofMulticast;
  const options = socket.settledOptions;
  switch (option) {
    case IPV6.V6ONLY: return intBytes(options.v6Only ? 1 : 0, length);
    case IPV6.UNICAST_HOPS: return intBytes(options.ttl < 0 ? socket.stack.settings.ipv6HopLimit : options.ttl, length);
    case IPV6.TCLASS: return intBytes(options.trafficClass, length);
    case IPV6.MTU_DISCOVER: return intBytes(options.mtuDiscover6, length);
    case IPV6.RECVERR: return intBytes(options.receiveErrors6 ? 1 : 0, length);
    case IPV6.FREEBIND: return intBytes(options.freeBind ? 1 : 0, length);
    case IPV6.MTU: {
      const remote = socket.endpoint.remoteAddress;
      const mtuBytes = remote === null ? 0 : socket.stack.pathMtu(remote, options.boundDevice);
      return mtuBytes === 0 ? -Errno.ENOTCONN : intBytes(mtuBytes, length);
    }
    case IPV6.DONTFRAG: return intBytes(options.dontFragment6 ? 1 : 0, length);
    default: {
      const tell = tellOfIpv6(option);
      if (tell === 0) return getRareIpv6Option(socket, option, length) ?? -Errno.ENOPROTOOPT;
      return intBytes((options.tell & tell) !== 0 ? 1 : 0, length);
    }
  }
}

export function setIpv6Option(socket: InetSocket, option: number, value: Uint8Array, caller: Caller): number {
  const ofMulticast = setMulticast6(socket, option, value);
  if (ofMulticast !== null) return ofMulticast;
  const n = value.length < 4 ? 0 : readInt(value);
  const rare = setRareIpv6Option(socket, option, value, n, caller);
  if (rare !== null) return rare;
  // Fewer bytes than an int's are zero where they are not a mistake.
  if (option === IPV6.DONTFRAG || option === IPV6.RECVFRAGSIZE) return setPlain(socket, option, n);
  if (value.length < 4) return isKnown(option) ? -Errno.EINVAL : -Errno.ENOPROTOOPT;
  return setPlain(socket, option, n);
}

function isKnown(option: number): boolean {
  return KNOWN.includes(option) || tellOfIpv6(option) !== 0;
}

function setPlain(socket: InetSocket, option: number, n: number): number {
  const { options } = socket;
  switch (option) {
    case IPV6.V6ONLY:
      // Only before the socket has a port (do_ipv6_setsockopt).
      if (socket.endpoint.hasPort) return -Errno.EINVAL;
      options.v6Only = n !== 0;
      return 0;
    case IPV6.UNICAST_HOPS:
      if (n > 255 || n < -1) return -Errno.EINVAL;
      options.ttl = n;
      return 0;
    case IPV6.TCLASS:
      if (n < -1 || n > 255) return -Errno.EINVAL;
      // The ECN bits of a stream are TCP's own, as with IP_TOS.
      options.trafficClass = socket.type === SOCK.STREAM
        ? (Math.max(n, 0) & 0xfc) | (options.trafficClass & 3)
        : Math.max(n, 0);
      return 0;
    case IPV6.MTU_DISCOVER:
      if (n < 0 || n > 5) return -Errno.EINVAL;
      options.mtuDiscover6 = n;
      return 0;
    case IPV6.RECVERR:
      options.receiveErrors6 = n !== 0;
      if (n === 0) socket.forgetErrors();
      return 0;
    case IPV6.FREEBIND: options.freeBind = n !== 0; return 0;
    case IPV6.DONTFRAG: options.dontFragment6 = n !== 0; return 0;
    default: {
      const tell = tellOfIpv6(option);
      return tell === 0 ? -Errno.ENOPROTOOPT : setTell(options, tell, n !== 0);
    }
  }
}
