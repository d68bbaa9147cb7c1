/**
 * The memory of one host's kernel: what descriptions, endpoints, processes, pages of pipes and files, queued messages and chunks of
 * payload are charged to, so that no process, root's included, takes more than its host has. Part of HostContext; whoever
 * makes something asks here first, and gives back when it goes.
 *
 *   0 ................... dataBytes .......................... totalBytes ............ 2 * totalBytes
 *      everything goes      | payload waits, is refused or dropped, but for a little of each socket and pipe, which it has
 *                           | paid for when it was made; objects are made up to totalBytes, then ENOMEM, ENOBUFS, ENFILE
 *
 * Only that little, in chunks that others have left to it, can bring a host beyond totalBytes, and nothing beyond twice of it.
 *
 * Linux counts what it allocates; an object here is charged what it takes of the engine's heap or more, which is about what
 * Linux's own takes (`Cost`). Payload is charged by the chunk (slab.ts), so that a segment or a datagram costs nothing.
 */

/** What a host of a world has: a small machine. */
export const DEFAULT_MEMORY_BYTES: number = 512 * 1024 * 1024;
/** The least that a host can do anything with. */
export const LEAST_MEMORY_BYTES: number = 4 * 1024 * 1024;
/** More would not fit into an engine's heap; and counts stay small integers. */
export const MOST_MEMORY_BYTES: number = 1024 * 1024 * 1024;
/** Of what payload leaves to objects, one part in so many. */
const RESERVE = 8;

export const PAGE_BYTES = 4096;
/** What whoever has nothing waiting may have wait although there is no memory for payload. */
const LITTLE_BYTES = 2048;

/** Bytes per object. */
export const Cost = {
  /** A description with its inode: what files_maxfiles_init reckons with. */
  FILE: 1024,
  TCP_ENDPOINT: 2048 + LITTLE_BYTES,
  /** A half-open connection. */
  REQUEST: 512,
  /** UDP, raw and ping; AF_UNIX. */
  ENDPOINT: 1024 + LITTLE_BYTES,
  PIPE: LITTLE_BYTES,
  PROCESS: 8192,
  /** An argument of a program or a variable of its environment, beside its text. */
  WORD: 128,
  /** A call that waits beyond the few that each process has paid for: on Linux another thread, with a stack of the kernel's. */
  WAIT: 2048,
  /** A descriptor in the list of a poll that waits. */
  POLLED: 256,
  /** A flow that a firewall remembers. */
  FLOW: 2048,
  /** What a dump of netlink has to write yet; an entry of an open directory that is being read. */
  DUMPED: 128,
  ENTRY: 64,
  /** A message in a System V queue, beside its bytes; a supplementary group of a process. */
  QUEUED: 256,
  GROUP: 8,
  /** What a packet socket asks of a device (struct packet_mclist, and netdev_hw_addr at the device). */
  MEMBERSHIP: 256,
  /** A group that a socket has joined, with what its interface keeps of it (ip_mc_socklist, ip_mc_list); a source in its filter. */
  JOINED: 768,
  SOURCE: 192,
  /** A permanent neighbour (struct neighbour); others are few (gc_thresh3). */
  NEIGHBOUR: 512,
  /** A route (fib_alias, fib_info); an address of an interface, with the group that IPv6's listens to. */
  ROUTE: 512,
  ADDRESS: 1024,
  /** What a connection leaves behind (tcp_timewait_sock). */
  TIME_WAIT: 384,
  /** An instruction of a socket's filter. */
  INSTRUCTION: 16,
  /** A slot of a descriptor table, and of a pipe (struct pipe_buffer). */
  DESCRIPTOR: 16,
  PIPE_SLOT: 40,
  /** A message in a queue of AF_UNIX, beside its bytes; a description that it carries. */
  MESSAGE: 512,
  RIGHT: 128,
  SIGNAL: 256,
  /** A descriptor that an epoll watches. */
  WATCH: 512,
  /** An inode of the file system, or a further name of one (struct shmem_inode_info and a dentry). */
  INODE: 1024,
  /** A System V queue or set, and what one process's end takes back of a set (msg_queue, sem_array, sem_undo), beside its numbers. */
  IPC: 512,
} as const;

export class KernelMemory {
  /** MemTotal. */
  readonly totalBytes: number;
  /** Payload has room below this. */
  private readonly dataBytes: number;
  usedBytes = 0;

  constructor(totalBytes: number = DEFAULT_MEMORY_BYTES) {
    this.totalBytes = totalBytes;
    this.dataBytes = totalBytes - Math.floor(totalBytes / RESERVE);
  }

  /** Is there no room for an object of `bytes`? */
  lacks(bytes: number): boolean {
    return this.usedBytes + bytes > this.totalBytes;
  }

  /** Takes room for an object; false when there is none. */
  take(bytes: number): boolean {
    if (this.lacks(bytes)) return false;
    this.usedBytes += bytes;
    return true;
  }

  /** Charges what there is already, or what `lacks` has admitted. */
  hold(bytes: number): void {
    this.usedBytes += bytes;
  }

  letGo(bytes: number): void {
    this.usedBytes -= bytes;
  }

  /** Payload has to wait: a socket or pipe gets no more than a little of its own (sk_under_memory_pressure). */
  get isShort(): boolean {
    return this.usedBytes >= this.dataBytes;
  }

  /** May who has `queued` bytes waiting not have `length` more? */
  refuses(queued: number, length: number): boolean {
    return this.usedBytes >= this.dataBytes && (queued > 0 || length > LITTLE_BYTES || this.usedBytes >= 2 * this.totalBytes);
  }

  /** How much of a stream goes in one piece: all, or a little. */
  pieceOf(length: number): number {
    return this.usedBytes >= this.dataBytes && length > LITTLE_BYTES ? LITTLE_BYTES : length;
  }
}
