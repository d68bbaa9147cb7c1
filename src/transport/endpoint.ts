/**
 * The contract between sockets and transports: operations go down, upcalls come up.
 *
 * Operations return a count >= 0 or a negative errno; they never block (-EAGAIN means "would block"). Upcalls say what
 * happened and only mark waiters; nothing of the socket's user runs inside them.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { QueuedError } from './error-queue.ts';
import { NO_OPTION, NO_RARE, type RareOptions } from './rare-options.ts';

/** What an endpoint tells the socket above it. Implemented by one class, in socket/family/. */
export interface EndpointUpcalls {
  /** The connection is established (connect finished). */
  connected(): void;
  /** Data, a datagram or an end of file can be read. */
  readable(): void;
  /** Room to write. */
  writable(): void;
  /** Room to write, which nobody had lacked: a datagram has left. */
  roomier(): void;
  /** A connection waits in the accept queue. */
  acceptable(): void;
  /** The peer sent its FIN. */
  peerClosed(): void;
  /** Urgent data arrived or moved (POLLPRI, SIGURG). */
  urgent(): void;
  /** The endpoint failed; the errno waits in `takeError`. */
  failed(errno: number): void;
}

/** A receive call's second result: flags for msg_flags, and where a datagram came from. One per caller, re-filled. */
export class ReceiveResult {
  /** The caller would keep a copy of what is read: he takes the memory itself where it can be given. His to set. */
  takesMemory = false;
  /** The bytes with their memory, which is the caller's from now on; nothing was copied. Null when they were. */
  given: Uint8Array | null = null;
  /** MSG_ flags to report (MSG_TRUNC, MSG_OOB ...). */
  flags = 0;
  /** Whole length of the datagram, which may be more than was copied. */
  datagramLen = 0;
  address: IpAddress | null = null;
  port = 0;
  /** Scope (interface index) of a link-local IPv6 source. */
  scopeId = 0;
  /** Which of the following hold, as bits of `Tell`; 0 mostly. */
  told = 0;
  /** Is it an IPv4 packet? */
  isV4 = false;
  /** Interface the datagram came in on, where it was sent to, who answers from there, and TTL/TOS. */
  interfaceIndex = 0;
  destination: IpAddress | null = null;
  destinationPort = 0;
  answerFrom: IpAddress | null = null;
  ttl = 0;
  tos = 0;
  /** Its mark and priority; how long its longest fragment was, 0 when it came whole. */
  mark = 0;
  priority = 0;
  largestFragment = 0;
  /** What the way to `destination` takes (IPV6_RECVPATHMTU). */
  pathMtuBytes = 0;
  /** Its network header with whatever belongs to it, for those who asked for options or extension headers. */
  header: Uint8Array = NO_OPTION;
  /** When it arrived, in the loop's time, and how many were lost before it. */
  arrivedUs = 0.5;
  lost = 0;
  /** UDP_GRO: how long each of the datagrams is that are received as one, but for the last; 0 for one alone. */
  segmentBytes = 0;
  /** What MSG_ERRQUEUE found. */
  error: QueuedError | null = null;
}

/** MSG_ flags of <sys/socket.h>, as on Linux. */
export const Msg = {
  OOB: 0x1, PEEK: 0x2, DONTROUTE: 0x4, CTRUNC: 0x8, TRUNC: 0x20, DONTWAIT: 0x40, EOR: 0x80, WAITALL: 0x100,
  CONFIRM: 0x800, ERRQUEUE: 0x2000, NOSIGNAL: 0x4000, MORE: 0x8000, FASTOPEN: 0x20000000,
  CMSG_CLOEXEC: 0x40000000,
  /** The kernel's own (splice, sendfile); what programs say of it is not heard. */
  SPLICE_PAGES: 0x8000000,
} as const;

/** shutdown(2)'s second argument. */
export const Shut = { RD: 0, WR: 1, RDWR: 2 } as const;

/** Options of every socket (SOL_SOCKET). */
export class SocketOptions {
  reuseAddress = false;
  reusePort = false;
  keepAlive = false;
  broadcast = false;
  oobInline = false;
  dontRoute = false;
  noCheck = false;
  /** SO_LINGER: seconds, -1 when off. */
  lingerSeconds = -1;
  /** The seconds that were given last; kept while SO_LINGER is off. */
  lastLingerSeconds = 0;
  /** SO_SNDBUF/SO_RCVBUF as the kernel keeps them (doubled), and whether the user locked them. */
  sendBufferBytes = 0;
  receiveBufferBytes = 0;
  sendBufferLocked = false;
  receiveBufferLocked = false;
  receiveLowWater = 1;
  /** SO_RCVTIMEO, SO_SNDTIMEO in microseconds; Infinity when they are off. */
  receiveTimeoutUs = Infinity;
  sendTimeoutUs = Infinity;
  boundDevice: Device | null = null;
  priority = 0;
  mark = 0;
  /** SO_SELECT_ERR_QUEUE: an error is an exception for select(2), POLLPRI for poll(2). */
  selectErrors = false;
  /** What recvmsg(2) is to tell of a datagram: bits of `Tell`. */
  tell = 0;
  /** What hardly anybody sets; to be written to by `rareOf` alone. */
  rare: RareOptions = NO_RARE;
}

/** Options about multicast, of IPv4 and of IPv6. Never changed, but replaced: few sockets have other than the default ones. */
export class MulticastOptions {
  readonly ttl: number = 1;
  readonly hops: number = 1;
  /** Does what is sent come back to this host's own members? An AF_INET6 socket goes by the second, whatever it sends. */
  readonly loops: boolean = true;
  readonly loops6: boolean = true;
  /** Are groups heard that others on the host have joined (IP_MULTICAST_ALL)? */
  readonly hearsAll: boolean = true;
  readonly hearsAll6: boolean = true;
  /** Where it leaves, and IPv4's source; null for what the route says. */
  readonly device: Device | null = null;
  readonly device6: Device | null = null;
  readonly source: IpAddress | null = null;

  with(change: Partial<MulticastOptions>): MulticastOptions {
    return Object.assign(new MulticastOptions(), this, change);
  }
}

const DEFAULT_MULTICAST = new MulticastOptions();
/** Sockets of AF_INET6 hear no IPv4 groups but their own (inet6_create leaves IP_MULTICAST_ALL off). */
const DEFAULT_MULTICAST6 = DEFAULT_MULTICAST.with({ hearsAll: false });

/** Options of endpoints besides: those of IPPROTO_IP and IPPROTO_IPV6. */
export class EndpointOptions extends SocketOptions {
  v6Only = false;
  /** IP_TTL / IPV6_UNICAST_HOPS; -1 for the host's default. */
  ttl = -1;
  multicast: MulticastOptions;
  tos = 0;
  trafficClass = 0;
  /** IP_MTU_DISCOVER: 0 DONT, 1 WANT, 2 DO, 3 PROBE, 4 INTERFACE, 5 OMIT; and IPV6_MTU_DISCOVER. */
  mtuDiscover = 1;
  mtuDiscover6 = 1;
  /** IPV6_DONTFRAG. */
  dontFragment6 = false;
  freeBind = false;
  /** IP_RECVERR and IPV6_RECVERR: ICMP errors become hard errors and go to the error queue. */
  receiveErrors = false;
  receiveErrors6 = false;

  constructor(isV4: boolean) {
    super();
    this.multicast = isV4 ? DEFAULT_MULTICAST : DEFAULT_MULTICAST6;
  }
}

/** Operations that stream and datagram endpoints share. `isV4` is the socket's family, AF_INET. */
export interface Endpoint {
  readonly isV4: boolean;
  /** For writing: this endpoint's own, made from the shared ones when it is first asked for. */
  readonly options: EndpointOptions;
  /** For reading: may be shared with others (accepted connections have their listener's). */
  readonly settledOptions: EndpointOptions;
  upcalls: EndpointUpcalls | null;
  localAddress: IpAddress;
  localPort: number;
  /** It holds a port; a stream that is over goes on to show its number (inet_num, not inet_sport). */
  readonly hasPort: boolean;
  /** Null while not connected. */
  remoteAddress: IpAddress | null;
  remotePort: number;
  scopeId: number;

  /** bind(2): -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (bound already). Port 0 picks one (RFC 6056). */
  bind(address: IpAddress, port: number, scopeId: number): number;
  /** connect(2): 0 (datagram), -EINPROGRESS, -EISCONN, -EALREADY, -ENETUNREACH, -EADDRNOTAVAIL ... */
  connect(address: IpAddress, port: number, scopeId: number): number;
  /** send(2): copies what fits; -EAGAIN when nothing does. */
  send(from: Uint8Array, at: number, length: number, flags: number): number;
  /** recv(2): 0 at the end of the stream. */
  receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number;
  /** shutdown(2) with `Shut`. */
  shutdown(how: number): number;
  /** The last descriptor is gone (no linger wait here: the socket layer waits). */
  close(): void;
  /** poll(2)'s bits (`Poll`) that hold now. */
  readiness(): number;
  /** What its memory is used for: the words of SO_MEMINFO (socket/socket.ts, `memory`). */
  memoryUse(): number[];
  /** SO_ERROR: the pending error (positive errno) and clears it; 0 when none. */
  takeError(): number;
  /** The next call, or SO_ERROR, is to find this error (positive errno). */
  keepError(errno: number): void;
}
