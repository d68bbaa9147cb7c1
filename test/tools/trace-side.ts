/**
 * The host that a trace examines (tcp-trace.ts): ours on a clock that the test moves (our-side.ts), or the real Linux
 * kernel behind a TAP device (kernel-side.ts), which judges the traces themselves.
 *
 * Calls return a count or a negative errno and never wait.
 */
import type { IpAddress } from '../../src/base/inet-address.ts';

export interface TraceOptions {
  ipVersion?: 4 | 6;
  mtu?: number;
  /** Largest super-segment the device takes; 0 (the default): the host cuts itself. */
  gso?: number;
  sysctl?: Record<string, string | number>;
  /** The peer's first sequence number. */
  peerIsn?: number;
  seed?: string;
}

export interface TraceSide {
  readonly hostAddress: IpAddress;
  readonly peerAddress: IpAddress;
  readonly macHi: number;
  readonly macLo: number;
  /** Times are exact to this many microseconds. */
  readonly grainUs: number;
  /** Called with every frame the host sends, except for questions about neighbours, which the side answers. */
  onSent: (frame: Uint8Array) => void;

  now(): number;
  /** Moves to the next thing that happens, at most to `until`. False when `until` came first. */
  stepTowards(until: number): boolean;
  /** Lets come to rest what is happening now. */
  settle(): void;
  inject(frame: Uint8Array): void;
  end(): void;

  socket(blocking: boolean): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, address: Uint8Array): number;
  accept(fd: number): number;
  send(fd: number, bytes: Uint8Array, flags: number): number;
  receive(fd: number, into: Uint8Array, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  setOption(fd: number, level: number, option: number, value: Uint8Array): number;
  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number;
  readiness(fd: number): number;

  /** RFC name of the state between these ports, by the host's table; CLOSED when there is nothing. */
  state(hostPort: number, peerPort: number): string;
  sysctl(name: string, value: string | number): void;
  counter(name: string): number;
}

/** Thrown where the kernel cannot be asked: the trace takes too long in real time, or looks inside our host. */
export class NotForKernel extends Error {}
