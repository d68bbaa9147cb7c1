/**
 * One machine: a stack, a kernel, a name. What worlds and platforms create and attach devices to.
 */
import type { Cidr, IpAddress } from './base/inet-address.ts';
import { DEFAULT_MEMORY_BYTES, KernelMemory, LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES } from './base/kernel-memory.ts';
import type { Loop } from './base/loop.ts';
import type { RandomSource } from './base/random.ts';
import type { WallClock } from './base/wall-clock.ts';
import { etcTexts } from './kernel/etc.ts';
import { Kernel } from './kernel/kernel.ts';
import { SignalInfo } from './kernel/signal-info.ts';
import { Signal } from './kernel/signal-numbers.ts';
import type { Device } from './link/device.ts';
import { Firewall } from './net/firewall/firewall.ts';
import { NetworkSnapshot } from './net/network-snapshot.ts';
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

/** What of a host stands still: its programs, as after `kill -STOP`, or all of it. */
export type Frozen = 'programs' | 'machine';

export class Host {
  readonly name: string;
  readonly loop: Loop;
  /** A machine that is restarted has others. */
  stack: Stack;
  kernel: Kernel;
  /** Hears in words of what befalls the host. */
  onFault: ((what: string) => void) | null = null;
  private readonly random: RandomSource;
  private wall: Firewall | null = null;
  private frozen: Frozen | null = null;
  private kept: NetworkSnapshot | null = null;
  private isOff = false;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.loop = options.loop;
    this.random = options.random;
    this.stack = new Stack(options.loop, options.random, memoryOf(options.memoryBytes));
    this.stack.settings.hostname = options.name;
    this.kernel = new Kernel(this.stack);
    for (const [path, text] of etcTexts(options.name)) this.writeFile(path, text);
  }

  get network(): Network {
    return this.stack.network;
  }

  /** What lets packets in, through and out; it costs nothing as long as it has no rules. */
  get firewall(): Firewall {
    if (this.wall === null) {
      this.wall = new Firewall(this.network);
      this.wall.onChange = (what) => this.tell(`firewall: ${what}`);
    }
    return this.wall;
  }

  /** What time of day its programs are told: `host.clock.drift(50)`, `host.clock.step(-3_600e6)`. Timers do not follow it. */
  get clock(): WallClock {
    return this.stack.context.clock;
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
    // Those that it will have again, when it has no power.
    if (this.isOff && this.kept !== null) return this.kept.words(device);
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

  /** `ip link set DEVICE up`, or `down`: with it go its routes, and IPv6's addresses. */
  setLink(device: Device, up: boolean): void {
    if (device.up === up) return;
    this.configured(() => {
      device.up = up;
      this.network.deviceChanged(device);
      return 0;
    });
    this.tell(`${device.name} ${up ? 'up' : 'down'}`);
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
   * host; `restart` switches it on again.
   */
  powerOff(): void {
    if (this.isOff) return;
    if (this.frozen !== null) this.stack.context.timers.hold(false);
    this.frozen = null;
    this.kept = new NetworkSnapshot(this.network);
    this.isOff = true;
    this.loop.enter();
    this.stack.powerOff();
    this.kernel.powerOff();
    this.stack.context.release();
    this.loop.drain();
  }

  /** Has it lost its power? */
  get isDown(): boolean {
    return this.isOff;
  }

  /** The power fails (`powerOff`), until `restart`. */
  crash(): void {
    if (this.isOff) return;
    this.powerOff();
    this.tell('crashes');
  }

  /**
   * The machine is switched on again, after it was switched off when it was on: a new kernel that knows of no connection,
   * with the same devices, addresses, routes, sysctls, firewall rules and files. Whoever still sends to an old connection
   * hears a RST.
   */
  restart(): void {
    if (!this.isOff) this.powerOff();
    this.stack = new Stack(this.loop, this.random, new KernelMemory(this.stack.context.memory.totalBytes), this.clock);
    this.kernel = new Kernel(this.stack, this.kernel.fileSystem);
    this.isOff = false;
    this.configured(() => {
      (this.kept as NetworkSnapshot).restore(this.network);
      return 0;
    });
    this.kept = null;
    if (this.wall !== null) this.wall.plugIn(this.network);
    this.tell('restarts');
  }

  /**
   * `programs`: all its processes stop, as after `kill -STOP`; the kernel goes on: it acknowledges what fits into buffers and
   * accepts connections until the queues are full. `machine`: nothing moves and nothing answers; frames that come are lost, and
   * what was due happens when it thaws. Throws a TypeError for any other word.
   */
  freeze(what: Frozen = 'programs'): void {
    if (what !== 'programs' && what !== 'machine') throw new TypeError(`host.freeze: takes 'programs' or 'machine', not '${String(what)}'`);
    if (this.isOff || this.frozen !== null) return;
    this.frozen = what;
    for (const process of this.kernel.processes()) process.stop(SignalInfo.ofKernel(Signal.SIGSTOP));
    if (what === 'machine') {
      for (const { device } of this.network.interfaces()) device.input = null;
      this.stack.context.timers.hold(true);
    }
    this.tell(what === 'programs' ? 'programs freeze' : 'freezes');
  }

  /** What was frozen goes on. */
  thaw(): void {
    if (this.frozen === null) return;
    if (this.frozen === 'machine') {
      for (const { device } of this.network.interfaces()) {
        device.input = this.network;
        this.network.deviceChanged(device);
      }
      this.stack.context.timers.hold(false);
    }
    this.frozen = null;
    for (const process of this.kernel.processes()) process.continueAll(true);
    this.tell('thaws');
    this.loop.drain();
  }

  get isFrozen(): boolean {
    return this.frozen !== null;
  }

  protected tell(what: string): void {
    if (this.onFault !== null) this.onFault(what);
  }

  /** Makes a file of the host, or replaces it: `host.writeFile('/etc/resolv.conf', 'nameserver 10.0.1.53\n')`. */
  writeFile(path: string, text: string): void {
    this.kernel.fileSystem.provide(path, text);
  }

  /** A file whose text is `source`'s whenever it is opened, until somebody writes into it. */
  provideFile(path: string, source: () => string): void {
    this.kernel.fileSystem.provideFrom(path, source);
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
  /** Sets a value; throws a RangeError when the name or value is refused. */
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
