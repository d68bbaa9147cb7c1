/** What an endpoint takes of its host's memory: itself, and what is in its queues (tcp_mem). */
import { Cost } from '../../base/kernel-memory.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { Bit } from './tcb.ts';

/** An endpoint is there. */
export function chargeEndpoint(t: TcpEndpoint): void {
  t.bits |= Bit.Charged;
  t.tcp.context.memory.hold(Cost.TCP_ENDPOINT);
}

/** And is gone. */
export function dischargeEndpoint(t: TcpEndpoint): void {
  t.receivedBytes = 0;
  countQueues(t);
  if ((t.bits & Bit.Charged) === 0) return;
  t.bits &= ~Bit.Charged;
  t.tcp.context.memory.letGo(Cost.TCP_ENDPOINT);
}

/** Queues have grown or shrunk: after a segment, a call, the end. */
export function countQueues(t: TcpEndpoint): void {
  const bytes = t.queuedBytes + t.receivedBytes;
  const change = bytes - t.countedBytes;
  if (change === 0) return;
  t.countedBytes = bytes;
  t.tcp.context.tcpMemory.change(change);
}
