/**
 * What Linux charges for a packet or a message in memory (skb->truesize; x86-64, measured on 6.18): `struct sk_buff`, and a head from
 * kmalloc that ends in the shared info. SO_SNDBUF, SO_RCVBUF, SIOCOUTQ and SO_MEMINFO count in it.
 *
 *   | what is left free in front | bytes | skb_shared_info |   + sk_buff
 *   '------------- one of kmalloc's sizes ---------------'
 */

export const PAGE = 4096;
/** sizeof(struct sk_buff) and sizeof(struct skb_shared_info), each in whole cache lines. */
export const SK_BUFF = 256;
export const SHARED_INFO = 320;
/** The size that small heads have in a cache of their own (SKB_SMALL_HEAD_CACHE_SIZE). */
const SMALL_HEAD = 576;
/** The largest head, shared info included, that senders of datagrams and frames ask for; more lies in pages. */
export const LARGEST_HEAD = 16384;
/** A buffer with a small head: the least there is. */
export const LEAST_TRUESIZE = SMALL_HEAD + SK_BUFF;

/** The size of kmalloc that holds `bytes`: powers of two, from 512 on as they are used here. */
export function blockOf(bytes: number): number {
  return 1 << (32 - Math.clz32(bytes - 1));
}

/** Of a buffer whose `length` bytes, free ones in front included, lie in its head (kmalloc_reserve). */
export function linearTruesize(length: number): number {
  const head = length + SHARED_INFO;
  return head <= SMALL_HEAD ? LEAST_TRUESIZE : blockOf(head) + SK_BUFF;
}

/** Of a packet whose `length` bytes lie in its head as far as the largest goes, and in pages beyond that, counted to the byte. */
export function packetTruesize(length: number): number {
  return length + SHARED_INFO <= LARGEST_HEAD ? linearTruesize(length) : LEAST_TRUESIZE + length;
}

/** `bytes` in whole pages. */
export function inPages(bytes: number): number {
  return (bytes + PAGE - 1) & -PAGE;
}
