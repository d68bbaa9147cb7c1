/**
 * A listener that asks before it answers: what stands for a server somewhere else (platform/node/gateway.ts) lets a client in
 * only when that server has, and refuses it when that does. Linux has nothing of the kind; a NAT in front of the server gives
 * its clients the same.
 *
 *   listenInput -> SynGate.admits -> HeldSyn -> (later, asked from outside of the stack) -> admit | refuse | unreachable | drop
 *
 * A SYN that waits is an ordinary packet that has not been answered: the client sends it again, which changes nothing.
 */
import { Mib } from '../../base/counters.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { Completion } from '../../base/loop.ts';
import type { Packet } from '../../link/packet.ts';
import { IcmpErrorKind } from '../../net/icmp-error.ts';
import { TcpHeader } from '../../wire/tcp.ts';
import type { TcpEndpoint } from './endpoint.ts';

/** So many wait at most; further ones are dropped, as those are for which a listener has no room. */
const HELD_LIMIT = 1024;

/** What tells one flow to a listener's port from the others. */
export function synKey(remote: IpAddress, remotePort: number, local: IpAddress): string {
  return `${remote.a} ${remote.b} ${remote.c} ${remote.d} ${remotePort} ${local.a} ${local.b} ${local.c} ${local.d}`;
}

/** A SYN that waits for its answer. One of its methods is called, once; further calls do nothing. */
export class HeldSyn extends Completion {
  readonly key: string;
  private readonly gate: SynGate;
  private p: Packet | null;

  constructor(gate: SynGate, key: string, p: Packet) {
    super();
    this.gate = gate;
    this.key = key;
    this.p = p;
  }

  deliver(): void {
    if (this.p !== null) this.gate.asked(this);
  }

  /** The listener takes it. */
  admit(): void {
    const p = this.take();
    if (p !== null) this.gate.input(p);
  }

  /** RST: the client's connect fails with ECONNREFUSED. */
  refuse(): void {
    const p = this.take();
    if (p !== null) this.gate.reset(p);
  }

  /** An ICMP error: the client's connect fails with EHOSTUNREACH. */
  unreachable(): void {
    const p = this.take();
    if (p !== null) this.gate.complain(p);
  }

  /** Silence: the client tries until it gives up. */
  drop(): void {
    const p = this.take();
    if (p !== null) this.gate.forget(p);
  }

  /** The stack is gone, and with it whoever could answer. */
  abandon(): void {
    this.take()?.release();
  }

  private take(): Packet | null {
    const { p } = this;
    this.p = null;
    this.gate.left(this);
    return p;
  }
}

export class SynGate {
  readonly asked: (syn: HeldSyn) => void;
  private readonly listener: TcpEndpoint;
  private readonly held: Map<string, HeldSyn> = new Map();
  private passing: Packet | null = null;

  /** `asked` hears of each client that wants in, when the stack is at rest. */
  constructor(listener: TcpEndpoint, asked: (syn: HeldSyn) => void) {
    this.listener = listener;
    this.asked = asked;
  }

  /** A SYN for the listener: true when it is to be answered as always; else this has taken over `p`. */
  admits(p: Packet, segment: TcpHeader): boolean {
    if (p === this.passing) return true;
    const { tcp } = this.listener;
    const local = new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD);
    const key = synKey(new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD), segment.srcPort, local);
    const known = this.held.has(key);
    if (known || this.held.size >= HELD_LIMIT) {
      if (!known) tcp.counters[Mib.TcpExtListenDrops]++;
      tcp.discard(p);
      return false;
    }
    const syn = new HeldSyn(this, key, p);
    this.held.set(key, syn);
    tcp.context.loop.complete(syn);
    return false;
  }

  /** The listener closes, or its machine has lost its power (`isOff`): those that wait get no answer. */
  close(isOff: boolean): void {
    for (const syn of [...this.held.values()]) {
      if (isOff) syn.abandon();
      else syn.drop();
    }
  }

  // What HeldSyn does with its packet.

  left(syn: HeldSyn): void {
    if (this.held.get(syn.key) === syn) this.held.delete(syn.key);
  }

  /** Takes over `p`. */
  input(p: Packet): void {
    const { tcp } = this.listener;
    // It was counted when it came.
    tcp.counters[Mib.TcpInSegs]--;
    this.passing = p;
    tcp.input(p);
    this.passing = null;
    tcp.context.loop.drain();
  }

  /** Takes over `p`. */
  reset(p: Packet): void {
    const { tcp } = this.listener;
    const segment = new TcpHeader();
    if (segment.parse(p.view, p.head, p.headEnd, p.l4Len)) tcp.sendReset(segment, p);
    this.forget(p);
  }

  /** Takes over `p`. */
  complain(p: Packet): void {
    this.listener.tcp.network.sendIcmpError(p, IcmpErrorKind.HostUnreachable);
    this.forget(p);
  }

  /** Takes over `p`. */
  forget(p: Packet): void {
    const { tcp } = this.listener;
    tcp.discard(p);
    tcp.context.loop.drain();
  }
}
