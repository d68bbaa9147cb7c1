/**
 * Link types by their registered numbers (https://www.tcpdump.org/linktypes.html): those that captures are printed and
 * filtered for.
 *
 * Used by capture/ and bpf/.
 */
export const LinkType = {
  Null: 0,
  Ethernet: 1,
  /** The number that BSD-derived systems other than OpenBSD used for raw IP. */
  RawBsd: 12,
  /** OpenBSD's number for raw IP. */
  RawOpenBsd: 14,
  Raw: 101,
  Loop: 108,
  LinuxSll: 113,
  Ipv4: 228,
  Ipv6: 229,
  LinuxSll2: 276,
} as const;
