/** Calls that ask about the machine: its chance, its clocks, its name, its interfaces. */
import { Errno } from '../../base/errno.ts';
import { CLOCK } from '../../kernel/calls/events.ts';
import { type Ifaddrs, interfaceAddresses } from './ifaddrs.ts';
import { SpliceCalls } from './splice-calls.ts';

export abstract class MachineCalls extends SpliceCalls {
  /** getrandom(2): fills `buffer` from the host's random source; resolves to its length. */
  getrandom(buffer: Uint8Array, _flags: number): Promise<number> {
    const { random } = this.host.stack.context;
    for (let i = 0; i < buffer.length; i++) buffer[i] = random.int32();
    return this.value(buffer.length, 'getrandom');
  }

  /** clock_gettime(2), in microseconds, virtual in a world: CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME. EINVAL. */
  clock_gettime(clock: number): Promise<number> {
    const { kernel } = this.core;
    kernel.loop.enter();
    if (clock === CLOCK.REALTIME) return this.value(kernel.realtimeUs, 'clock_gettime');
    const isKnown = clock === CLOCK.MONOTONIC || clock === CLOCK.BOOTTIME;
    return this.value(isKnown ? kernel.loop.now : -Errno.EINVAL, 'clock_gettime');
  }

  /** gethostname(2). */
  gethostname(): Promise<string> {
    return Promise.resolve(this.host.stack.settings.hostname);
  }

  /** getifaddrs(3): interfaces, their addresses and masks; `readSockaddr` reads those of AF_INET and AF_INET6. */
  getifaddrs(): Promise<Ifaddrs[]> {
    return Promise.resolve(interfaceAddresses(this.host));
  }
}
