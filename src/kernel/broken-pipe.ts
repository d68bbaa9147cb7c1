/** SIGPIPE: a stream that nobody reads any more has been written to (sk_stream_error, pipe_write). */
import { Msg } from '../transport/endpoint.ts';
import type { KernelProcess } from './process.ts';
import type { SignalDelivery } from './signal-delivery.ts';
import { SignalInfo } from './signal-info.ts';
import { Signal, SignalCode } from './signal-numbers.ts';

/** The process has heard -EPIPE, with these MSG_ flags. Returns the delivery after which its call returns; null for none. */
export function breakPipe({ pid, credentials, signals }: KernelProcess, flags: number): SignalDelivery | null {
  if ((flags & Msg.NOSIGNAL) !== 0) return null;
  const before = signals.latest;
  signals.send(SignalInfo.from({ pid, credentials }, Signal.SIGPIPE, SignalCode.USER), true);
  return signals.deliverySince(before);
}
