/** sock_diag of AF_UNIX (Linux's net/unix/diag.c). */
import { Errno } from '../../base/errno.ts';
import { NLM_F, type NetlinkWriter } from '../../wire/netlink.ts';
import {
  readUnixDiagRequest, SOCK_DIAG_BY_FAMILY, UDIAG_SHOW, UNIX_DIAG, UNIX_DIAG_REQ_LEN,
} from '../../wire/sock-diag.ts';
import { AF } from '../constants.ts';
import { ints } from '../control.ts';
import { checkCookie } from './netlink-diag.ts';
import type { Put, Reply } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { type UnixSocket, UnixState } from './unix.ts';
import { SUN_PATH } from './unix-address.ts';
import type { UnixHost } from './unix-host.ts';

/** Linux's numbers: TCP_ESTABLISHED, TCP_CLOSE, TCP_LISTEN. */
const ESTABLISHED = 1, CLOSE = 7, LISTEN = 10;

export function diagnoseUnix(host: UnixHost, request: NetlinkRequest): number {
  const { body, flags } = request.message;
  if (body.length < UNIX_DIAG_REQ_LEN) return -Errno.EINVAL;
  const { states, inode, show, cookie } = readUnixDiagRequest(body);
  if ((flags & NLM_F.DUMP) !== 0) return request.socket.isDumping ? -Errno.EBUSY : request.dump(dump(host, request.to, states, show));
  if (inode === 0) return -Errno.EINVAL;
  for (const socket of host.sockets) {
    if (inodeOf(socket) !== inode) continue;
    const stale = checkCookie(host.stack, socket, cookie);
    if (stale < 0) return stale;
    request.reply((writer) => put(writer, host, socket, show, request.to, 0));
    return 0;
  }
  return -Errno.ENOENT;
}

function* dump(host: UnixHost, to: Reply, states: number, show: number): IterableIterator<Put> {
  for (const socket of [...host.sockets]) {
    // A connection that nobody has accepted has no inode.
    if (((states >>> stateOf(socket)) & 1) === 0 || inodeOf(socket) === 0) continue;
    yield (writer) => put(writer, host, socket, show, to, NLM_F.MULTI);
  }
}

function stateOf({ state }: UnixSocket): number {
  return state === UnixState.Listen ? LISTEN : state === UnixState.Established ? ESTABLISHED : CLOSE;
}

function inodeOf(socket: UnixSocket): number {
  return socket.listener === null ? socket.inodeNumber : 0;
}

function put(writer: NetlinkWriter, host: UnixHost, socket: UnixSocket, show: number, { port, sequence }: Reply, flags: number): void {
  const wants = (what: number): boolean => (show & what) !== 0;
  writer.begin(SOCK_DIAG_BY_FAMILY, flags, sequence, port);
  writer.uint8(AF.UNIX).uint8(socket.type).uint8(stateOf(socket)).uint8(0).uint32(inodeOf(socket));
  writer.uint32(host.stack.cookieOf(socket)).uint32(0);
  if (wants(UDIAG_SHOW.NAME) && socket.address !== null) writer.attribute(UNIX_DIAG.NAME, socket.address.bytes.subarray(SUN_PATH));
  const node = socket.pathNode;
  if (wants(UDIAG_SHOW.VFS) && node !== null) writer.attribute(UNIX_DIAG.VFS, words(node.number, node.device));
  if (wants(UDIAG_SHOW.PEER) && socket.peer !== null) writer.attributeUint32(UNIX_DIAG.PEER, inodeOf(socket.peer));
  if (wants(UDIAG_SHOW.ICONS) && socket.isListening) writer.attribute(UNIX_DIAG.ICONS, words(...clientsOf(socket)));
  if (wants(UDIAG_SHOW.RQLEN)) writer.attribute(UNIX_DIAG.RQLEN, words(...queuesOf(socket)));
  if (wants(UDIAG_SHOW.MEMINFO)) writer.attribute(UNIX_DIAG.MEMINFO, ints(socket.memory()));
  writer.attributeUint8(UNIX_DIAG.SHUTDOWN, socket.shut);
  if (wants(UDIAG_SHOW.UID)) writer.attributeUint32(UNIX_DIAG.UID, socket.uid);
  writer.end();
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Who waits to be accepted: the other ends, by their inodes. */
function clientsOf(listener: UnixSocket): number[] {
  return [...listener.waiting()].map(({ peer }) => (peer === null ? 0 : inodeOf(peer)));
}

/** Connections that wait and how many may, or bytes to be read and bytes that the peer has not read. */
function queuesOf(socket: UnixSocket): [number, number] {
  if (socket.isListening) return [[...socket.waiting()].length, socket.backlog];
  return [socket.unreadBytes, socket.charged];
}
