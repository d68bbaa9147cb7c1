/**
 * SOCK_PACKET, what Linux had before AF_PACKET's other types (packet_ops_spkt): whole frames, interfaces by name.
 *
 *   struct sockaddr_pkt   | family 2 LE | device's name 14 | protocol 2 BE |
 */
import { Errno } from '../../base/errno.ts';
import type { Device } from '../../link/device.ts';
import { AF, SOCK } from '../constants.ts';
import { PacketSocket } from './packet.ts';
import { hardwareType } from './packet-address.ts';
import type { PacketHost } from './packet-host.ts';
import type { SeenFrame } from './packet-queue.ts';

const SOCKADDR_LEN = 16;
const SOCKADDR_PKT_LEN = 18;
const NAME = 2, NAME_LEN = 14, PROTOCOL = 16;

export class OldPacketSocket extends PacketSocket {
  constructor(host: PacketHost, protocol: number) {
    super(host, SOCK.PACKET, protocol);
  }

  /** A struct sockaddr, whose data is the interface's name. */
  override bind(address: Uint8Array): number {
    if (address.length !== SOCKADDR_LEN) return -Errno.EINVAL;
    const device = this.named(address);
    return device === null ? -Errno.ENODEV : this.bindTo(device, device.index, this.listensTo);
  }

  private named(address: Uint8Array): Device | null {
    const end = address.indexOf(0, NAME);
    const letters = address.subarray(NAME, end < 0 || end > NAME + NAME_LEN ? NAME + NAME_LEN : end);
    const name = String.fromCharCode(...letters);
    for (const { device } of this.host.network.interfaces()) if (device.name === name) return device;
    return null;
  }

  override localName(): Uint8Array {
    return nameBytes(AF.PACKET, this.boundDevice).subarray(0, SOCKADDR_LEN);
  }

  override send(): number {
    return -Errno.ENOTCONN;
  }

  override sendTo(from: Uint8Array, at: number, length: number, _flags: number, address: Uint8Array): number {
    if (address.length < SOCKADDR_LEN) return -Errno.EINVAL;
    const protocol = address.length === SOCKADDR_PKT_LEN ? ((address[PROTOCOL] as number) << 8) | (address[PROTOCOL + 1] as number) : 0;
    const device = this.named(address);
    return device === null ? -Errno.ENODEV : this.sendFrame(from, at, length, device, protocol, null);
  }

  /** The family is the hardware's type. */
  protected override sourceOf(frame: SeenFrame): Uint8Array {
    const device = this.host.network.deviceAt(frame.interfaceIndex);
    const bytes = nameBytes(device === null ? 0 : hardwareType(device), device);
    new DataView(bytes.buffer).setUint16(PROTOCOL, frame.protocol);
    return bytes;
  }

  override getLevelOption(): number {
    return -Errno.EOPNOTSUPP;
  }

  override setLevelOption(): number {
    return -Errno.EOPNOTSUPP;
  }
}

function nameBytes(family: number, device: Device | null): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_PKT_LEN);
  new DataView(bytes.buffer).setUint16(0, family, true);
  const name = device === null ? '' : device.name;
  for (let i = 0; i < name.length && i < NAME_LEN - 1; i++) bytes[NAME + i] = name.charCodeAt(i);
  return bytes;
}
