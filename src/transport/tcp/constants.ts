/**
 * Numbers that Linux's include/net/tcp.h fixes. Times in microseconds.
 */
export const INIT_CWND = 10;
export const INFINITE_SSTHRESH = 0x7fffffff;
export const MAX_QUICKACKS = 16;
/** Smallest and largest delay of an acknowledgement. */
export const DELACK_MIN_US = 40000;
export const DELACK_MAX_US = 200000;
export const TIMEOUT_INIT_US = 1000000;
/** What a SYN's RTT is taken for when it had to be sent again (RFC 6298 5.7). */
export const TIMEOUT_FALLBACK_US = 3000000;
export const TIMEOUT_MIN_US = 2000;
export const TIME_WAIT_US = 60000000;
export const PAWS_DAYS_24 = 60 * 60 * 24 * 24;
export const MSS_DEFAULT = 536;
export const MIN_MSS = 88;
/** The MSS an IPv6 peer without the option gets (RFC 8200's 1280 less headers). */
export const MSS_DEFAULT_V6 = 1220;
/** Bytes of payload in the largest segment: 65,535 less IPv4 and TCP header and 12 of options. */
export const MAX_SEGMENT = 65483;
/** What one received packet or one queued record costs beside its payload (Linux: sk_buff and its head). */
export const PACKET_OVERHEAD = 768;
export const RECORD_OVERHEAD = 1280;
/** CUBIC's clock and others: milliseconds, as Linux's jiffies at HZ 1000. */
export const MS = 1000;
/** `notSentLowWater` without a limit. */
export const NO_LOW_WATER = 0x7fffffff;

/** A tick of Linux's timers at 1,000 Hz. */
export const TICK_US = 1000;
