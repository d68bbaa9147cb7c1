/**
 * One machine: a stack, a kernel, a name. What worlds and platforms create and attach devices to.
 */
import type { Cidr, IpAddress } from './base/inet-address.ts';
import { DEFAULT_MEMORY_BYTES, KernelMemory, LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES } from './base/kernel-memory.ts';
import type { Loop } from './base/loop.ts';
import type { RandomSource } from './base/random.ts';
import { etcTexts } from './kernel/etc.ts';
import { Kernel } from './kernel/kernel.ts';
import type { Device } from './link/device.ts';
import type { Network } from './net/network.ts';
import { type RouteOptions, readRoute } from './net/route-request.ts';
import { Stack } from './stack/stack.ts';

export interface HostOptions {
  name: string;
  loop: Loop;
  /** Entropy in real use, a fork of the seed in a world. */
  random: RandomSource;
  /** What its kernel may use, all processes together: 512 MiB when it is not given. RangeError below 4 MiB or above 1 GiB. */
  memoryBytes?: number;
}

function memoryOf(bytes: number = DEFAULT_MEMORY_BYTES): KernelMemory {
  if (!Number.isInteger(bytes) || bytes < LEAST_MEMORY_BYTES || bytes > MOST_MEMORY_BYTES) {
    throw new RangeError(`memoryBytes is a whole number from ${LEAST_MEMORY_BYTES} to ${MOST_MEMORY_BYTES}, not ${bytes}`);
  }
  return new KernelMemory(bytes);
}

export class Host {
  readonly name: string;
  readonly loop: Loop;
  readonly stack: Stack;
  readonly kernel: Kernel;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.loop = options.loop;
    this.stack = new Stack(options.loop, options.random, memoryOf(options.memoryBytes));
    this.stack.settings.hostname = options.name;
    this.kernel = new Kernel(this.stack);
    for (const [path, text] of etcTexts(options.name)) this.writeFile(path, text);
  }

  get network(): Network {
    return this.stack.network;
  }

  /** Plugs a device in; returns its interface index. */
  attach(device: Device): number {
    return this.configured(() => this.network.attach(device));
  }

  /** `ip addr add ADDRESS/PREFIX dev DEVICE`: 0 or a negative errno. */
  addAddress(device: Device, address: IpAddress, prefixLength: number): number {
    return this.configured(() => this.network.addAddress(device, address, prefixLength));
  }

  /**
   * Its addresses in the words of `ip addr`, loopback's first: `192.0.2.1/24`, `fe80::1/64`. Of one device alone when it
   * is given (`host.addresses(cable.a)`).
   */
  addresses(device: Device | null = null): string[] {
    const words: string[] = [];
    for (const entry of this.network.interfaces()) {
      if (device !== null && entry.device !== device) continue;
      // inet before inet6, as ip(8) has them.
      for (const isV4 of [true, false]) {
        for (const { address, prefixLength } of entry.addresses) {
          if (address.isV4 === isV4) words.push(`${address}/${prefixLength}`);
        }
      }
    }
    return words;
  }

  /** `ip addr del ADDRESS dev DEVICE`: 0 or a negative errno. */
  deleteAddress(device: Device, address: IpAddress): number {
    return this.configured(() => this.network.removeAddress(device, address));
  }

  /**
   * `ip route add`: 0 or a negative errno, as Linux gives it.
   *
   *   host.addRoute('10.2.0.0/16', { via: '10.0.1.2' });
   *   host.addRoute('default', { via: 'fe80::1', device: cable.a, metric: 100 });
   *   host.addRoute('192.0.2.0/24', { type: 'blackhole' });
   */
  addRoute(to: string | Cidr, options: RouteOptions = {}): number {
    const { prefix, target } = readRoute(to, options);
    return this.configured(() => this.network.addRoute(prefix.address, prefix.prefixLength, target));
  }

  /** `ip route del`: takes away the first route that is as described; 0 or a negative errno (ESRCH: there is none). */
  deleteRoute(to: string | Cidr, options: RouteOptions = {}): number {
    const { prefix, target } = readRoute(to, options);
    return this.configured(() => this.network.deleteRoute(prefix.address, prefix.prefixLength, target));
  }

  /** Its routes in the words of `ip route`, longest prefixes first: `default via 10.0.1.1 dev eth0`. */
  routes(): string[] {
    return this.network.routes().map(String);
  }

  /**
   * The machine loses its power. Its processes end (what waits in a call gets EINTR), no frame leaves it any more, not
   * even a FIN or a RST, and all memory that it held is free. Its devices are unplugged, and may be attached to another
   * host: a machine that is switched on again is a new `Host`.
   */
  powerOff(): void {
    this.loop.enter();
    this.stack.powerOff();
    this.kernel.powerOff();
    this.stack.context.release();
    this.loop.drain();
  }

  /** Makes a file of the host, or replaces it: `host.writeFile('/etc/resolv.conf', 'nameserver 10.0.1.53\n')`. */
  writeFile(path: string, text: string): void {
    this.kernel.fileSystem.provide(path, text);
  }

  /** Configuration sets timers and sends frames, as a system call does: the loop has to look at them. */
  private configured(change: () => number): number {
    this.loop.enter();
    const result = change();
    this.loop.drain();
    return result;
  }

  /** sysctl(8): the value as text, or null when there is no such name. */
  sysctl(name: string): string | null;
  /** Sets a value; throws when the name or value is wrong. */
  sysctl(name: string, value: string | number): string;
  sysctl(name: string, value?: string | number): string | null {
    const settings = this.stack.settings;
    // A host that becomes a router joins groups.
    if (value !== undefined && this.configured(() => (settings.set(name, value) ? 0 : -1)) < 0) {
      throw new RangeError(`sysctl: cannot set ${name} to ${value}: ${settings.refusal(name, value)}`);
    }
    return settings.get(name);
  }

  /** Counters that are not zero, by their `nstat` names. */
  nstat(): Record<string, number> {
    return this.stack.counters.snapshot();
  }
}
