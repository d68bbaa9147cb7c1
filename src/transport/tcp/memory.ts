/** What an endpoint takes of its host's memory: itself, and what is in its queues (tcp_mem). */
import { Cost, PAGE_BYTES } from '../../base/kernel-memory.ts';
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
  countAll(t);
  if ((t.bits & Bit.Charged) === 0) return;
  t.bits &= ~Bit.Charged;
  t.tcp.context.memory.letGo(Cost.TCP_ENDPOINT);
}

/** Queues have grown or shrunk, after a segment or a call: by the page, as Linux does (sk_forward_alloc). */
export function countQueues(t: TcpEndpoint): void {
  const change = t.queuedBytes + t.receivedBytes - t.countedBytes;
  if (change < PAGE_BYTES && change > -PAGE_BYTES) return;
  countChange(t, change);
}

/** They are empty, or go: nothing is left counted. */
function countAll(t: TcpEndpoint): void {
  countChange(t, t.queuedBytes + t.receivedBytes - t.countedBytes);
}

function countChange(t: TcpEndpoint, change: number): void {
  t.countedBytes += change;
  t.tcp.context.tcpMemory.change(change);
}
