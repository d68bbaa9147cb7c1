/** Options of SOL_PACKET (packet_setsockopt, packet_getsockopt). Rings, fanout and headers of virtual machines are not there. */
import { Errno } from '../../base/errno.ts';
import { PACKET } from '../constants.ts';
import { intBytes, readInt } from '../option-bytes.ts';
import type { PacketSocket } from './packet.ts';
import { PACKET_MREQ_LEN } from './packet-memberships.ts';

const STATISTICS_LEN = 8;

export function getPacketOption(socket: PacketSocket, option: number, length: number): Uint8Array | number {
  if (length < 0) return -Errno.EINVAL;
  switch (option) {
    case PACKET.STATISTICS: {
      const bytes = new Uint8Array(STATISTICS_LEN);
      const view = new DataView(bytes.buffer);
      // Those that were dropped are packets, too.
      view.setUint32(0, socket.packets + socket.drops, true);
      view.setUint32(4, socket.drops, true);
      socket.packets = 0;
      socket.drops = 0;
      return bytes.subarray(0, Math.min(STATISTICS_LEN, length));
    }
    case PACKET.AUXDATA: return intBytes(socket.wantsAuxiliary ? 1 : 0, length);
    case PACKET.ORIGDEV: return intBytes(socket.originalDevice ? 1 : 0, length);
    case PACKET.COPY_THRESH: return intBytes(socket.copyThreshold, length);
    case PACKET.VERSION: return intBytes(socket.version, length);
    case PACKET.IGNORE_OUTGOING: return intBytes(socket.ignoresOutgoing ? 1 : 0, length);
    default: return -Errno.ENOPROTOOPT;
  }
}

export function setPacketOption(socket: PacketSocket, option: number, value: Uint8Array): number {
  switch (option) {
    case PACKET.ADD_MEMBERSHIP:
    case PACKET.DROP_MEMBERSHIP: {
      if (value.length < PACKET_MREQ_LEN) return -Errno.EINVAL;
      const addressLen = (value[6] as number) | ((value[7] as number) << 8);
      if (value.length < 8 + addressLen) return -Errno.EINVAL;
      return option === PACKET.ADD_MEMBERSHIP ? socket.memberships.add(value) : socket.memberships.drop(value);
    }
    case PACKET.AUXDATA:
      if (value.length < 4) return -Errno.EINVAL;
      socket.wantsAuxiliary = readInt(value) !== 0;
      return 0;
    case PACKET.ORIGDEV:
      if (value.length < 4) return -Errno.EINVAL;
      // There are no bonds or bridges: the device that a frame came through is always its own.
      socket.originalDevice = readInt(value) !== 0;
      return 0;
    case PACKET.COPY_THRESH:
      if (value.length !== 4) return -Errno.EINVAL;
      socket.copyThreshold = readInt(value);
      return 0;
    case PACKET.VERSION: {
      if (value.length !== 4) return -Errno.EINVAL;
      const version = readInt(value);
      if (version < 0 || version > 2) return -Errno.EINVAL;
      socket.version = version;
      return 0;
    }
    case PACKET.IGNORE_OUTGOING: {
      if (value.length !== 4) return -Errno.EINVAL;
      const on = readInt(value);
      if (on < 0 || on > 1) return -Errno.EINVAL;
      socket.ignoresOutgoing = on === 1;
      return 0;
    }
    default: return -Errno.ENOPROTOOPT;
  }
}
