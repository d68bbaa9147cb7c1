/**
 * What the network layer tells whoever watches it: packet and netlink sockets. They stand in `Network.observers` while
 * somebody wants to hear; what is told has happened, but for devices and neighbours that leave.
 */
import type { Device } from '../link/device.ts';
import type { InterfaceAddress } from './interface.ts';
import type { Neighbour } from './neighbour.ts';
import type { Route, RouteConflict } from './routes.ts';

export abstract class NetworkObserver {
  deviceAdded(_device: Device): void {}
  /** The device went up or down (`turned`), its carrier did, or something else of it is different. */
  deviceChanged(_device: Device, _turned: boolean): void {}
  /** The device is about to leave; it still has its index. */
  deviceGone(_device: Device): void {}
  /** An address came or is usable now, or (`isThere` false) is gone. */
  addressChanged(_address: InterfaceAddress, _isThere: boolean): void {}
  /** `how`: what became of others of its prefix and metric; Refuse when there were none. */
  routeChanged(_route: Route, _isThere: boolean, _how: RouteConflict): void {}
  /** A neighbour's state or hardware address is another one, or (`isThere` false) it is about to leave. */
  neighbourChanged(_neighbour: Neighbour, _isThere: boolean): void {}
}
