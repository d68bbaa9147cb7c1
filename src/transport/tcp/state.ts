/**
 * TCP's states (RFC 9293 section 3.3.2): the table, the one setter, and Linux's numbers for them.
 *
 * BSD's order, so that comparisons say something:
 *   s >= Established       synchronized: both sides know both initial sequence numbers
 *   s >= FinWait1 ...      see the predicates below
 */
import { Mib } from '../../base/counters.ts';
import type { TcpEndpoint } from './endpoint.ts';

export const TcpState = {
  Closed: 0,
  Listen: 1,
  SynSent: 2,
  SynReceived: 3,
  Established: 4,
  CloseWait: 5,
  FinWait1: 6,
  Closing: 7,
  LastAck: 8,
  FinWait2: 9,
  TimeWait: 10,
} as const;
export type TcpState = (typeof TcpState)[keyof typeof TcpState];

/** Index: TcpState. Value: the number in TCP_INFO, `ss` and /proc/net/tcp (include/net/tcp_states.h). */
const LINUX_STATE = [7, 10, 2, 3, 1, 8, 4, 11, 9, 5, 6] as const;

/** Index: TcpState. The names that netstat and the RFC use. */
const STATE_NAME = [
  'CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'FIN-WAIT-1', 'CLOSING', 'LAST-ACK',
  'FIN-WAIT-2', 'TIME-WAIT',
] as const;

export function linuxState(state: TcpState): number {
  return LINUX_STATE[state];
}

export function stateName(state: TcpState): string {
  return STATE_NAME[state];
}

/** The state after close(2) or shutdown(2) of the sending side (Linux's new_state table, without its TCP_ACTION_FIN). */
export function stateAfterClose(state: TcpState): TcpState {
  switch (state) {
    case TcpState.SynReceived:
    case TcpState.Established:
      return TcpState.FinWait1;
    case TcpState.CloseWait:
      return TcpState.LastAck;
    case TcpState.SynSent:
    case TcpState.Listen:
      return TcpState.Closed;
    default:
      return state;
  }
}

/** The only place that changes a state. Counts what `nstat` shows (Linux's tcp_set_state). */
export function setState(t: TcpEndpoint, state: TcpState): void {
  const old = t.state;
  if (old === state) return;
  const counters = t.tcp.counters;
  const wasOpen = old === TcpState.Established || old === TcpState.CloseWait;
  const isOpen = state === TcpState.Established || state === TcpState.CloseWait;
  if (isOpen && !wasOpen) counters[Mib.TcpCurrEstab]++;
  if (wasOpen && !isOpen) counters[Mib.TcpCurrEstab]--;
  if (wasOpen && state === TcpState.Closed) counters[Mib.TcpEstabResets]++;
  t.state = state;
  const trace = t.tcp.trace;
  if (trace !== null) trace.stateChanged(t, old, state);
}
