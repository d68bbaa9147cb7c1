/** What a packet socket asks of devices while it lives: to take in all frames, or those to some address (packet_mc_add, packet_mc_drop). */
import { Errno } from '../../base/errno.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import type { Device } from '../../link/device.ts';
import type { Network } from '../../net/network.ts';
import { PACKET_MR } from '../constants.ts';
import { MAC_LEN } from './packet-address.ts';

/** sizeof(struct packet_mreq): ifindex 4, type 2, alen 2, address 8. */
export const PACKET_MREQ_LEN = 16;
const TYPE = 4, LENGTH = 6, ADDRESS = 8;

interface Membership {
  readonly key: string;
  readonly device: Device;
  readonly type: number;
  count: number;
}

export class Memberships {
  private readonly network: Network;
  private readonly memory: KernelMemory;
  /** By what they ask for: of any number, one is found at once. */
  private readonly table = new Map<string, Membership>();

  constructor(network: Network) {
    this.network = network;
    this.memory = network.context.memory;
  }

  /** -ENODEV, -EINVAL, and -ENOBUFS when the host has no memory for another: nothing else limits them. */
  add(request: Uint8Array): number {
    const device = this.network.deviceAt(viewOf(request).getInt32(0, true));
    if (device === null) return -Errno.ENODEV;
    const type = viewOf(request).getUint16(TYPE, true);
    const length = viewOf(request).getUint16(LENGTH, true);
    if (length > MAC_LEN) return -Errno.EINVAL;
    // packet_mc_add makes one before it looks whether there is one already.
    if (this.memory.lacks(Cost.MEMBERSHIP)) return -Errno.ENOBUFS;
    const key = keyOf(request);
    const known = this.table.get(key);
    if (known !== undefined) {
      known.count++;
      return 0;
    }
    const needsAddress = type === PACKET_MR.MULTICAST || type === PACKET_MR.UNICAST;
    if (needsAddress && length !== MAC_LEN) return -Errno.EINVAL;
    this.memory.hold(Cost.MEMBERSHIP);
    this.table.set(key, { key, device, type, count: 1 });
    // Devices here take in every group's frames: only those to other hosts have to be asked for.
    if (type === PACKET_MR.PROMISC) device.promiscuity++;
    return 0;
  }

  /** One that was never added is none the less gone: 0. */
  drop(request: Uint8Array): number {
    const known = this.table.get(keyOf(request));
    if (known !== undefined && --known.count === 0) this.leave(known);
    return 0;
  }

  /** The device leaves the host, and its memberships with it. */
  forget(device: Device): void {
    for (const known of this.table.values()) if (known.device === device) this.leave(known);
  }

  clear(): void {
    for (const known of this.table.values()) this.leave(known);
  }

  private leave(gone: Membership): void {
    this.table.delete(gone.key);
    this.memory.letGo(Cost.MEMBERSHIP);
    if (gone.type === PACKET_MR.PROMISC && gone.device.promiscuity > 0) gone.device.promiscuity--;
  }
}

function viewOf(request: Uint8Array): DataView {
  return new DataView(request.buffer, request.byteOffset, request.length);
}

/** Interface, type, and as much of the address as it says there is. */
function keyOf(request: Uint8Array): string {
  return request.subarray(0, ADDRESS + viewOf(request).getUint16(LENGTH, true)).join();
}
