/**
 * What a machine's configuration says of its network: devices, addresses, routes and settings, as they are when it loses its
 * power, for the kernel that starts when it is switched on again.
 *
 * Called by Host. What the kernel makes by itself (connected routes, link-local addresses, what was learnt) is left to it.
 */
import type { Settings } from '../base/settings.ts';
import type { Device } from '../link/device.ts';
import type { InterfaceAddress } from './interface.ts';
import type { Network } from './network.ts';
import { type Route, RouteOrigin } from './routes.ts';

/** IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL, IFAPROT_KERNEL_RA: addresses that come by themselves. */
const MADE_BY_KERNEL: readonly number[] = [1, 2, 3];

export class NetworkSnapshot {
  private readonly devices: readonly Device[];
  private readonly addresses: readonly (readonly [Device, InterfaceAddress])[];
  private readonly routes: readonly Route[];
  private readonly settings: ReadonlyMap<string, string>;

  constructor({ settings, loopback, configuration: { interfaces }, routing }: Network) {
    this.devices = interfaces.map(({ device }) => device).filter((device) => device !== loopback);
    this.addresses = interfaces.flatMap(({ device, addresses }) => (
      device === loopback ? [] : addresses.filter(({ maker }) => !MADE_BY_KERNEL.includes(maker)).map((entry) => [device, entry] as const)
    ));
    this.routes = routing.table.routes.filter(({ origin, device }) => (
      origin !== RouteOrigin.Kernel && (device !== loopback || origin === RouteOrigin.Boot)
    ));
    this.settings = new Map(settings.names().map((name) => [name, settings.get(name) as string]));
  }

  /** Its addresses in the words of `ip addr`, of one device alone when it is given. */
  words(only: Device | null): string[] {
    const own = this.addresses.filter(([device]) => only === null || device === only).map(([, entry]) => entry);
    return [true, false].flatMap((isV4) => own.filter(({ address }) => address.isV4 === isV4).map(({ address, prefixLength }) => `${address}/${prefixLength}`));
  }

  /** Gives a fresh network all of it. */
  restore(network: Network): void {
    // Once for what devices begin with, and once for the devices' own; those with two names are written twice.
    this.set(network.settings);
    for (const device of this.devices) network.attach(device);
    this.set(network.settings);
    for (const [device, entry] of this.addresses) {
      const { address, prefixLength, scope, label, givenBroadcast: broadcast, maker } = entry;
      // What was tested before is there at once, as the world gave it.
      network.addAddress(device, address, prefixLength, { nodad: true, scope, label, broadcast, maker });
    }
    for (const route of this.routes) {
      const { prefix, prefixLength, gateway, device, source, metric, type, scope, onLink, origin } = route;
      network.addRoute(prefix, prefixLength, {
        gateway, source, metric, type, scope, onLink, origin, device: device === network.loopback || device.isLoopback ? null : device,
      });
    }
  }

  private set(settings: Settings): void {
    for (const [name, value] of this.settings) if (settings.get(name) !== null && settings.get(name) !== value) settings.set(name, value);
  }
}
