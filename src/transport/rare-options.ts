/**
 * Options that hardly any socket sets, in an object of their own: sockets that set none of them share one, `NO_RARE`, so
 * that ten thousand idle connections pay one word each. Whoever sets one takes a copy first (`rareOf`): accepted
 * connections have their listener's object.
 */
import type { Device } from '../link/device.ts';
import type { HeaderExtras } from '../net/header-extras.ts';

export const NO_OPTION = new Uint8Array(0);
/** SO_MAX_PACING_RATE's value when there is none: all ones. */
const UNLIMITED = 0xffffffff;

export class RareOptions implements HeaderExtras {
  /** SO_DEBUG, SO_WIFI_STATUS, SO_NOFCS, SO_PREFER_BUSY_POLL: kept, since no device here can do what they ask for. */
  debug = false;
  wifiStatus = false;
  noFcs = false;
  preferBusyPoll = false;
  /** SO_BUSY_POLL in microseconds. */
  busyPollUs = 0;
  /** SO_MAX_PACING_RATE: bytes per second, as two words. */
  pacingLow: number = UNLIMITED;
  pacingHigh: number = UNLIMITED;
  /** SO_INCOMING_CPU; -1 for none. */
  incomingCpu = -1;
  /** SO_TXTIME: the clock, and its flags. */
  txTimeClock = 0;
  txTimeFlags = 0;
  txTime = false;
  /** SO_TXREHASH: streams alone have it. */
  txRehash = true;
  zeroCopy = false;
  /** SO_PEEK_OFF: how many bytes MSG_PEEK passes over; negative when it looks at the front. */
  peekOffset = -1;
  /** SO_PASSSEC, IP_PASSSEC: without a security module there is never a context to tell. */
  passSecurity = false;
  passSecurity4 = false;
  /** SO_PASSRIGHTS, SO_INQ: of AF_UNIX. */
  passRights = true;
  tellsRest = false;

  /** IP_OPTIONS: as the packets carry them, padded to a multiple of four. */
  ipOptions: Uint8Array = NO_OPTION;
  routerAlert = false;
  /** IP_TRANSPARENT and IPV6_TRANSPARENT. */
  transparent = false;
  /** IP_MINTTL and IPV6_MINHOPCOUNT: a stream's segments below it are dropped. */
  minTtl = 0;
  minHops = 0;
  noDefragment = false;
  bindAddressNoPort = false;
  /** IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884: an error tells where its extensions begin. */
  errorExtensions = false;
  errorExtensions6 = false;
  /** IP_UNICAST_IF, IPV6_UNICAST_IF: the interface of what goes to one receiver. */
  unicastDevice: Device | null = null;
  unicastDevice6: Device | null = null;
  /** IP_LOCAL_PORT_RANGE; 0 for the host's own end. */
  portLow = 0;
  portHigh = 0;

  /** IPV6_PKTINFO for all messages: the interface's index. */
  stickyIndex = 0;
  /** IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_RTHDR, IPV6_DSTOPTS: headers that every message carries. */
  hopOptions: Uint8Array = NO_OPTION;
  routingDestinationOptions: Uint8Array = NO_OPTION;
  destinationOptions: Uint8Array = NO_OPTION;
  /** IPV6_MTU: what fragments are cut to; 0 for the path's. */
  fragmentMtu = 0;
  flowInfoSend = false;
  /** The label of a connected socket's packets, where connect(2) named one. */
  flowLabel = 0;
  /** What getpeername(2) shows of it: the address's sin6_flowinfo. */
  peerFlowInfo = 0;
  autoFlowLabel = true;
  /** IPV6_ADDR_PREFERENCES as it was asked for: the bits of RFC 5014. */
  addressPreferences = 0;
  routerAlertIsolate = false;
  /** UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX (RFC 6935): datagrams over IPv6 without a checksum. */
  noChecksum6Out = false;
  noChecksum6In = false;
}

export const NO_RARE: RareOptions = Object.freeze(new RareOptions());

/** May it have an address that is not this host's (inet_can_nonlocal_bind, without the sysctl)? */
export function bindsAnything({ freeBind, rare }: { freeBind: boolean; rare: RareOptions }): boolean {
  return freeBind || rare.transparent;
}

/** IP_LOCAL_PORT_RANGE as the table of ports asks for it: the high end in the upper half; 0 for none. */
export function portRangeOf({ rare }: { rare: RareOptions }): number {
  return (rare.portHigh << 16) | rare.portLow;
}

/** A copy for `options` alone, to be written to. */
export function rareOf(options: { rare: RareOptions }): RareOptions {
  const rare = Object.assign(new RareOptions(), options.rare);
  options.rare = rare;
  return rare;
}
