/**
 * Local ports: who holds which, who may share one, and how a free one is chosen. TCP and UDP have a table each.
 *
 * Rules are Linux's (inet_csk_get_port and __inet_hash_connect for streams, udp_lib_get_port for datagrams): dual-stack
 * sockets and IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SO_BINDTODEVICE. connect(2) chooses its port by RFC 6056's
 * double-hash algorithm and takes ports of the low end's parity; bind(2) to port 0 chooses at random among the others.
 */
import { Errno } from '../base/errno.ts';
import type { HostContext } from '../base/host-context.ts';
import { type IpAddress, isV4Mapped } from '../base/inet-address.ts';
import { below } from '../base/random.ts';
import type { Device } from '../link/device.ts';
import { KeyedHash } from './keyed-hash.ts';

/** Bits of `PortHolder.portFlags`. */
export const PortFlag = {
  /** SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY as they stand now. */
  ReuseAddress: 1, ReusePort: 2, V6Only: 4,
  /** A listening stream: SO_REUSEADDR does not share with it. */
  Listening: 8,
  /** The port was chosen by connect(2): others may use it too, towards other peers. */
  ByConnect: 16,
} as const;

/** Whoever occupies a local port: endpoints and TIME_WAIT records. */
export interface PortHolder {
  /** The socket's family is AF_INET; false for AF_INET6, dual-stack or not. */
  readonly isV4: boolean;
  localAddress: IpAddress;
  /** Host order; 0 while the holder is in no table. Set by the table. */
  localPort: number;
  readonly portFlags: number;
  /** Where its automatic ports lie (IP_LOCAL_PORT_RANGE): the high end in the upper half; 0 for the host's range. */
  readonly portRange: number;
  readonly boundDevice: Device | null;
  /** Links of the table. */
  nextHolder: PortHolder | null;
  previousHolder: PortHolder | null;
}

/** What connect(2) asks about each port that others hold: is this connection's 4-tuple still free? */
export interface TupleCheck {
  tupleIsFree(holder: PortHolder, port: number): boolean;
}

const PERTURB_SLOTS = 256;

/**
 * The first holder of each port, in pages of 256 that are made when they are needed. With connections coming and going a
 * Map rebuilds itself over and over; here every step is one array access.
 */
class PortHeads {
  private readonly pages: ((PortHolder | null)[] | null)[] = new Array<(PortHolder | null)[] | null>(256).fill(null);

  get(port: number): PortHolder | null {
    const page = this.pages[port >> 8];
    return page === null || page === undefined ? null : page[port & 255];
  }

  set(port: number, holder: PortHolder | null): void {
    let page = this.pages[port >> 8];
    if (page === null) {
      page = new Array<PortHolder | null>(256).fill(null);
      this.pages[port >> 8] = page;
    }
    page[port & 255] = holder;
  }

  *values(): IterableIterator<PortHolder> {
    for (const page of this.pages) {
      if (page === null) continue;
      for (const holder of page) if (holder !== null) yield holder;
    }
  }
}

export class PortTable {
  private readonly context: HostContext;
  private readonly isDatagram: boolean;
  private readonly heads: PortHeads = new PortHeads();
  private readonly hash: KeyedHash;
  /** RFC 6056 algorithm 4's counters, one per hash of the destination. */
  private readonly perturb: Uint32Array = new Uint32Array(PERTURB_SLOTS);

  constructor(context: HostContext, isDatagram: boolean) {
    this.context = context;
    this.isDatagram = isDatagram;
    this.hash = new KeyedHash(context.random);
    for (let i = 0; i < PERTURB_SLOTS; i++) this.perturb[i] = context.random.int32();
  }

  /**
   * bind(2): gives `holder`, whose `localAddress` and options are set, the port (0: any). 0 or -EADDRINUSE. A holder
   * that is in the table already must be released first.
   */
  bind(holder: PortHolder, port: number): number {
    if (port === 0) return this.bindAny(holder);
    if (this.conflict(holder, port, true)) return -Errno.EADDRINUSE;
    this.join(holder, port);
    return 0;
  }

  /**
   * listen(2) asks again, since SO_REUSEADDR lets sockets share a port only until one of them listens. `holder` is in
   * the table. 0 or -EADDRINUSE.
   */
  recheck(holder: PortHolder): number {
    return this.conflict(holder, holder.localPort, true) ? -Errno.EADDRINUSE : 0;
  }

  /** Enters a holder without asking: accepted connections share their listener's port, TIME_WAIT its endpoint's. */
  join(holder: PortHolder, port: number): void {
    const head = this.heads.get(port);
    holder.localPort = port;
    holder.previousHolder = null;
    holder.nextHolder = null;
    if (head === null) {
      this.heads.set(port, holder);
      return;
    }
    // Behind the head, so that the map is only written for a port's first holder.
    const second = head.nextHolder;
    holder.previousHolder = head;
    holder.nextHolder = second;
    if (second !== null) second.previousHolder = holder;
    head.nextHolder = holder;
  }

  /** Puts `next` in the place of `old`: a connection becomes its TIME_WAIT record. */
  replace(old: PortHolder, next: PortHolder): void {
    next.localPort = old.localPort;
    next.previousHolder = old.previousHolder;
    next.nextHolder = old.nextHolder;
    if (old.previousHolder !== null) old.previousHolder.nextHolder = next;
    else this.heads.set(old.localPort, next);
    if (old.nextHolder !== null) old.nextHolder.previousHolder = next;
    old.previousHolder = null;
    old.nextHolder = null;
  }

  /** The holder lets go of its port. `localPort` keeps its value (getsockname after a failed connect shows it). */
  release(holder: PortHolder): void {
    const next = holder.nextHolder;
    const previous = holder.previousHolder;
    holder.nextHolder = null;
    holder.previousHolder = null;
    if (previous !== null) previous.nextHolder = next;
    else if (this.heads.get(holder.localPort) !== holder) return;
    else this.heads.set(holder.localPort, next);
    if (next !== null) next.previousHolder = previous;
  }

  /** The first holder of a port: `nextHolder` leads to the others. */
  holders(port: number): PortHolder | null {
    return this.heads.get(port);
  }

  /** Every holder, in no order: for ss and leak tests. */
  *[Symbol.iterator](): IterableIterator<PortHolder> {
    for (const head of this.heads.values()) {
      for (let holder: PortHolder | null = head; holder !== null; holder = holder.nextHolder) yield holder;
    }
  }

  /**
   * connect(2) of an unbound stream: chooses a port towards `remote` and enters the holder, whose `localAddress` is
   * set. 0 or -EADDRNOTAVAIL.
   */
  bindForConnect(holder: PortHolder, remote: IpAddress, remotePort: number, check: TupleCheck): number {
    const low = this.lowFor(holder);
    const step = holder.portRange === 0 ? 2 : 1;
    const local = holder.localAddress;
    const hash = this.hash;
    hash.begin();
    hash.add(local.a ^ local.b);
    hash.add(local.c ^ local.d);
    hash.add(remote.a);
    hash.add(remote.b);
    hash.add(remote.c ^ remote.d);
    hash.add(remotePort);
    const h = hash.end();
    let remaining = this.highFor(holder) - low + 1;
    if (remaining > 1 && step === 2) remaining &= ~1;
    const slot = h & (PERTURB_SLOTS - 1);
    // Even offsets first: ports of the low end's parity are connect's, the others bind's.
    let offset = ((this.perturb[slot] as number) + (h >>> 8)) % remaining;
    if (step === 2) offset &= ~1;
    for (let parity = 0; parity < step; parity++, offset ^= 1) {
      for (let i = 0; i < remaining; i += step) {
        let place = offset + i;
        if (place >= remaining) place -= remaining;
        const port = low + place;
        const head = this.heads.get(port);
        if (head !== null) {
          if ((head.portFlags & PortFlag.ByConnect) === 0 || !check.tupleIsFree(holder, port)) continue;
        }
        this.perturb[slot] = (this.perturb[slot] as number) + Math.max(i, below(this.context.random, 8) * 2) + 2;
        this.join(holder, port);
        return 0;
      }
    }
    return -Errno.EADDRNOTAVAIL;
  }

  /** inet_sk_get_local_port_range: an end of the holder's own counts when it lies in the host's range. */
  private lowFor({ portRange }: PortHolder): number {
    const { ipLocalPortRangeLow: low, ipLocalPortRangeHigh: high } = this.context.settings;
    const own = portRange & 0xffff;
    return own >= low && own <= high ? own : low;
  }

  private highFor({ portRange }: PortHolder): number {
    const { ipLocalPortRangeLow: low, ipLocalPortRangeHigh: high } = this.context.settings;
    const own = portRange >>> 16;
    return own >= low && own <= high ? own : high;
  }

  private bindAny(holder: PortHolder): number {
    const low = this.lowFor(holder);
    let remaining = this.highFor(holder) - low + 1;
    if (remaining <= 0) return -Errno.EADDRINUSE;
    if (remaining > 1) remaining &= ~1;
    let offset = below(this.context.random, remaining);
    // Streams leave the low end's parity to connect(2); datagrams do not care, but a common order does no harm.
    if (!this.isDatagram && remaining > 1) offset |= 1;
    const step = this.isDatagram ? 1 : 2;
    for (let parity = 0; parity < step; parity++, offset ^= 1) {
      for (let i = 0; i < remaining; i += step) {
        let place = offset + i;
        if (place >= remaining) place -= remaining;
        if (this.conflict(holder, low + place, false)) continue;
        this.join(holder, low + place);
        return 0;
      }
    }
    return -Errno.EADDRINUSE;
  }

  /** Does anybody keep `holder` from the port? `asked` is false when the port is our choice: then nothing is shared. */
  private conflict(holder: PortHolder, port: number, asked: boolean): boolean {
    const flags = holder.portFlags;
    const device = holder.boundDevice;
    for (let other = this.heads.get(port); other !== null; other = other.nextHolder) {
      if (other === holder) continue;
      const otherDevice = other.boundDevice;
      if (device !== null && otherDevice !== null && device !== otherDevice) continue;
      if (!addressesOverlap(holder, other)) continue;
      const both = flags & other.portFlags;
      if (this.isDatagram) {
        if ((both & (PortFlag.ReuseAddress | PortFlag.ReusePort)) === 0) return true;
        continue;
      }
      if (!asked) return true;
      if ((both & PortFlag.ReuseAddress) !== 0 && (other.portFlags & PortFlag.Listening) === 0) continue;
      if ((both & PortFlag.ReusePort) === 0) return true;
    }
    return false;
  }
}

/**
 * Could one packet be for both? Linux's inet_rcv_saddr_equal, with its asymmetry: 0.0.0.0 comes late to a port where a
 * dual-stack socket has one IPv6 address and is refused, the other way round both are allowed.
 */
function addressesOverlap(holder: PortHolder, other: PortHolder): boolean {
  const mine = holder.localAddress;
  const theirs = other.localAddress;
  const theirsV6Only = (other.portFlags & PortFlag.V6Only) !== 0;
  const mineMapped = holder.isV4 || isV4Mapped(mine.a, mine.b, mine.c);
  const theirsMapped = other.isV4 || isV4Mapped(theirs.a, theirs.b, theirs.c);
  if (holder.isV4) {
    if (theirsV6Only) return false;
    return mine.d === 0 || (theirsMapped ? mine.d === theirs.d || theirs.d === 0 : isAny(theirs));
  }
  if (mineMapped && theirsMapped) return !theirsV6Only && (mine.d === theirs.d || mine.d === 0 || theirs.d === 0);
  const mineAny = !mineMapped && isAny(mine);
  const theirsAny = !theirsMapped && isAny(theirs);
  if (mineAny && theirsAny) return true;
  if (theirsAny) return !(theirsV6Only && mineMapped);
  if (mineAny) return !((holder.portFlags & PortFlag.V6Only) !== 0 && theirsMapped);
  return mine.equals(theirs);
}

function isAny(address: IpAddress): boolean {
  return (address.a | address.b | address.c | address.d) === 0;
}
