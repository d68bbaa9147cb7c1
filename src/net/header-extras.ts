/**
 * What a packet's network header has besides the ordinary, for the few senders that ask for it: options of IPv4, extension
 * headers and a flow label of IPv6, and a size for its fragments. `Network.outputWith` takes it.
 */
export interface HeaderExtras {
  /** IP_OPTIONS: a multiple of four bytes, checked (readOwnOptions). */
  readonly ipOptions: Uint8Array;
  /** IPV6_HOPOPTS and IPV6_DSTOPTS: whole headers, whose first byte is filled in. */
  readonly hopOptions: Uint8Array;
  readonly destinationOptions: Uint8Array;
  /** IPV6_MTU: fragments are no longer; 0 for the path's MTU. */
  readonly fragmentMtu: number;
  /** The flow label, 20 bits. */
  readonly flowLabel: number;
}
