/** What a packet socket asks of devices while it lives: to take in all frames, or those to some address (packet_mc_add). */
import { Errno } from '../../base/errno.ts';
import type { Device } from '../../link/device.ts';
import type { Network } from '../../net/network.ts';
import { PACKET_MR } from '../constants.ts';
import { MAC_LEN } from './packet-address.ts';

/** sizeof(struct packet_mreq): ifindex 4, type 2, alen 2, address 8. */
export const PACKET_MREQ_LEN = 16;
const ADDRESS = 8;

interface Membership {
  readonly device: Device;
  readonly type: number;
  readonly address: string;
  count: number;
}

/** More of them than anybody needs, so that a loop does not fill memory (Linux counts them against optmem_max). */
const MOST = 1024;

export class Memberships {
  private readonly network: Network;
  private readonly list: Membership[] = [];

  constructor(network: Network) {
    this.network = network;
  }

  add(request: Uint8Array): number {
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const device = this.network.deviceAt(view.getInt32(0, true));
    if (device === null) return -Errno.ENODEV;
    const type = view.getUint16(4, true);
    const length = view.getUint16(6, true);
    if (length > MAC_LEN) return -Errno.EINVAL;
    const address = request.subarray(ADDRESS, ADDRESS + length).join();
    const known = this.list.find((each) => each.device === device && each.type === type && each.address === address);
    if (known !== undefined) {
      known.count++;
      return 0;
    }
    const needsAddress = type === PACKET_MR.MULTICAST || type === PACKET_MR.UNICAST;
    if (needsAddress && length !== MAC_LEN) return -Errno.EINVAL;
    if (this.list.length >= MOST) return -Errno.ENOBUFS;
    this.list.push({ device, type, address, count: 1 });
    // Devices here take in every group's frames: only those to other hosts have to be asked for.
    if (type === PACKET_MR.PROMISC) device.promiscuity++;
    return 0;
  }

  /** One that was never added is none the less gone: 0. */
  drop(request: Uint8Array): number {
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const index = view.getInt32(0, true);
    const address = request.subarray(ADDRESS, ADDRESS + view.getUint16(6, true)).join();
    const at = this.list.findIndex((each) => each.device.index === index && each.type === view.getUint16(4, true)
      && each.address === address);
    if (at < 0 || --(this.list[at] as Membership).count > 0) return 0;
    this.leave(at);
    return 0;
  }

  /** The device leaves the host, and its memberships with it. */
  forget(device: Device): void {
    for (let i = this.list.length - 1; i >= 0; i--) if ((this.list[i] as Membership).device === device) this.leave(i);
  }

  clear(): void {
    for (let i = this.list.length - 1; i >= 0; i--) this.leave(i);
  }

  private leave(at: number): void {
    const [gone] = this.list.splice(at, 1) as [Membership];
    if (gone.type === PACKET_MR.PROMISC && gone.device.promiscuity > 0) gone.device.promiscuity--;
  }
}
