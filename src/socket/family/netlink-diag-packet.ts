/** sock_diag of AF_PACKET (Linux's net/packet/diag.c). There are no rings and no fanout to tell of. */
import { Errno } from '../../base/errno.ts';
import { NLM_F, type NetlinkWriter } from '../../wire/netlink.ts';
import {
  PACKET_DIAG, PACKET_DIAG_REQ_LEN, PACKET_SHOW, readPacketDiagRequest, SOCK_DIAG_BY_FAMILY,
} from '../../wire/sock-diag.ts';
import { AF } from '../constants.ts';
import { ints } from '../control.ts';
import type { Put, Reply } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import type { PacketSocket } from './packet.ts';
import type { PacketHost } from './packet-host.ts';

/** PDI_: bits of `pdi_flags`. */
const RUNNING = 1, AUXDATA = 2, ORIGDEV = 4;

export function diagnosePackets(host: PacketHost, request: NetlinkRequest): number {
  const { body, flags } = request.message;
  if (body.length < PACKET_DIAG_REQ_LEN) return -Errno.EINVAL;
  const { protocol, show } = readPacketDiagRequest(body);
  if (protocol !== 0) return -Errno.EINVAL;
  if ((flags & NLM_F.DUMP) === 0) return -Errno.EOPNOTSUPP;
  return request.socket.isDumping ? -Errno.EBUSY : request.dump(new PacketDump(host, request.to, show));
}

/**
 * By position in the list, whatever became of the list while the dump waited for its reader: who was made meanwhile is told of,
 * and who follows one that has gone is not (packet_diag_dump). So it may go on after its end, which a generator may not.
 */
class PacketDump implements IterableIterator<Put> {
  private position = 0;
  private readonly host: PacketHost;
  private readonly to: Reply;
  private readonly show: number;

  constructor(host: PacketHost, to: Reply, show: number) {
    this.host = host;
    this.to = to;
    this.show = show;
  }

  next(): IteratorResult<Put> {
    const socket = this.host.sockets[this.position];
    if (socket === undefined) return { done: true, value: undefined };
    this.position++;
    return { done: false, value: (writer) => put(writer, this.host, socket, this.show, this.to) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

function put(writer: NetlinkWriter, host: PacketHost, socket: PacketSocket, show: number, { port, sequence }: Reply): void {
  writer.begin(SOCK_DIAG_BY_FAMILY, NLM_F.MULTI, sequence, port);
  writer.uint8(AF.PACKET).uint8(socket.type).uint16(socket.listensTo).uint32(socket.inodeNumber).uint32(host.stack.cookieOf(socket)).uint32(0);
  if ((show & PACKET_SHOW.INFO) !== 0) {
    const flags = (socket.isRunning ? RUNNING : 0) | (socket.wantsAuxiliary ? AUXDATA : 0) | (socket.originalDevice ? ORIGDEV : 0);
    const info = [Math.max(0, socket.interfaceIndex), socket.version, 0, socket.copyThreshold, 0, flags];
    writer.attribute(PACKET_DIAG.INFO, new Uint8Array(Uint32Array.from(info).buffer));
    writer.attributeUint32(PACKET_DIAG.UID, socket.uid);
  }
  if ((show & PACKET_SHOW.MCLIST) !== 0) writer.attribute(PACKET_DIAG.MCLIST, new Uint8Array(0));
  if ((show & PACKET_SHOW.MEMINFO) !== 0) writer.attribute(PACKET_DIAG.MEMINFO, ints(socket.memory()));
  writer.end();
}
