/** What the network layer tells whoever watches it: packet sockets today. Set as `Network.observer`, called by configuration.ts. */
import type { Device } from '../link/device.ts';

export interface NetworkObserver {
  /** The device went up or down, or its carrier did. */
  deviceChanged(device: Device): void;
  /** The device is about to leave; it still has its index. */
  deviceGone(device: Device): void;
}
