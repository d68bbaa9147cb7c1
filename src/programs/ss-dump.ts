/** What ss(8) asks the kernel by NETLINK_SOCK_DIAG, and the answers as records. */
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, NETLINK_SOCK_DIAG, SOCK_CLOEXEC, SOCK_RAW,
} from '../api/posix/constants.ts';
import type { Process } from '../api/posix/process.ts';
import {
  INET_DIAG_MSG_LEN, inetDiagRequest, NetlinkWriter, NLM_F, NLMSG, PACKET_DIAG, PACKET_DIAG_MSG_LEN, PACKET_SHOW, packetDiagRequest,
  readAttributes, readNetlink, SOCK_DIAG_BY_FAMILY, UDIAG_SHOW, UNIX_DIAG, UNIX_DIAG_MSG_LEN, unixDiagRequest,
} from '../api/posix/sock-diag.ts';
import { inet_ntop } from '../base/inet-address.ts';

/** One socket as ss knows it. */
export interface SsSocket {
  /** `tcp`, `udp`, `raw`, `u_str` ... */
  readonly netid: string;
  readonly family: number;
  /** Linux's number. */
  readonly state: number;
  readonly receive: number;
  readonly send: number;
  /** Inet: address, port, interface. AF_UNIX: name and inode; AF_PACKET: protocol and interface. */
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly interfaceIndex: number;
  readonly inode: number;
  readonly uid: number;
  readonly cookie: number;
  readonly timer: number;
  readonly expiresMs: number;
  readonly retransmits: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

const BUFFER_BYTES = 32768;

/** A dump's messages. Rejects with the errno of what the kernel refuses. */
async function dump(process: Process, body: Uint8Array): Promise<Uint8Array[]> {
  const fd = await process.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  const bodies: Uint8Array[] = [];
  try {
    const writer = new NetlinkWriter();
    writer.begin(SOCK_DIAG_BY_FAMILY, NLM_F.REQUEST | NLM_F.DUMP, 1, 0).raw(body).end();
    await process.send(fd, writer.take(), 0);
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const n = await process.recv(fd, buffer, 0);
      if (n === 0) return bodies;
      for (const { type, body: answer } of readNetlink(buffer.slice(0, n))) {
        if (type === NLMSG.DONE || type === NLMSG.ERROR) return bodies;
        if (type === SOCK_DIAG_BY_FAMILY) bodies.push(answer);
      }
    }
  } finally {
    await process.close(fd);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

export interface InetKind {
  readonly netid: string;
  readonly protocol: number;
}

export async function inetSockets(process: Process, kind: InetKind, family: number, states: number, extensions: number): Promise<SsSocket[]> {
  const bodies = await dump(process, inetDiagRequest(family, kind.protocol, extensions, states));
  return bodies.map((body) => {
    const view = viewOf(body);
    const isV4 = body[0] === AF_INET;
    const host = (at: number): string => inet_ntop(isV4 ? AF_INET : AF_INET6, body.subarray(at, at + (isV4 ? 4 : 16))) ?? '';
    return {
      netid: kind.netid, family: body[0] as number, state: body[1] as number, timer: body[2] as number, retransmits: body[3] as number,
      localPort: view.getUint16(4), remotePort: view.getUint16(6), localHost: host(8), remoteHost: host(24),
      interfaceIndex: view.getUint32(40, true), cookie: view.getUint32(44, true), expiresMs: view.getUint32(52, true),
      receive: view.getUint32(56, true), send: view.getUint32(60, true), uid: view.getUint32(64, true), inode: view.getUint32(68, true),
      attributes: readAttributes(body.subarray(INET_DIAG_MSG_LEN)),
    };
  });
}

const UNIX_NETIDS: Readonly<Record<number, string>> = { 1: 'u_str', 2: 'u_dgr', 5: 'u_seq' };

export async function unixSockets(process: Process, states: number, details: boolean, memory: boolean): Promise<SsSocket[]> {
  const show = UDIAG_SHOW.NAME | UDIAG_SHOW.PEER | UDIAG_SHOW.RQLEN | (details ? UDIAG_SHOW.VFS | UDIAG_SHOW.ICONS : 0) | (memory ? UDIAG_SHOW.MEMINFO : 0);
  const bodies = await dump(process, unixDiagRequest(AF_UNIX, states, show));
  return bodies.map((body) => {
    const view = viewOf(body);
    const attributes = readAttributes(body.subarray(UNIX_DIAG_MSG_LEN));
    const queues = attributes.get(UNIX_DIAG.RQLEN);
    const peer = attributes.get(UNIX_DIAG.PEER);
    const inode = view.getUint32(4, true);
    return {
      netid: UNIX_NETIDS[body[1] as number] ?? '???', family: AF_UNIX, state: body[2] as number,
      receive: queues === undefined ? 0 : viewOf(queues).getUint32(0, true), send: queues === undefined ? 0 : viewOf(queues).getUint32(4, true),
      localHost: nameOf(attributes.get(UNIX_DIAG.NAME)), localPort: inode, remoteHost: '*',
      remotePort: peer === undefined ? 0 : viewOf(peer).getUint32(0, true), interfaceIndex: 0, inode, uid: 0, cookie: view.getUint32(8, true),
      timer: 0, expiresMs: 0, retransmits: 0, attributes,
    };
  });
}

/** An abstract name has `@` for each NUL; a path ends at its NUL. */
function nameOf(name: Uint8Array | undefined): string {
  if (name === undefined) return '*';
  const isAbstract = name[0] === 0;
  const end = name.indexOf(0);
  const bytes = isAbstract ? name.map((byte) => (byte === 0 ? 0x40 : byte)) : end < 0 ? name : name.subarray(0, end);
  return new TextDecoder().decode(bytes);
}

const PACKET_NETIDS: Readonly<Record<number, string>> = { 2: 'p_dgr', 3: 'p_raw' };
const CLOSE = 7;

export async function packetSockets(process: Process): Promise<SsSocket[]> {
  const show = PACKET_SHOW.INFO | PACKET_SHOW.MEMINFO | PACKET_SHOW.FILTER | PACKET_SHOW.RING_CFG | PACKET_SHOW.FANOUT;
  const bodies = await dump(process, packetDiagRequest(AF_PACKET, show));
  return bodies.map((body) => {
    const view = viewOf(body);
    const attributes = readAttributes(body.subarray(PACKET_DIAG_MSG_LEN));
    const memory = attributes.get(PACKET_DIAG.MEMINFO);
    const info = attributes.get(PACKET_DIAG.INFO);
    const uid = attributes.get(PACKET_DIAG.UID);
    return {
      netid: PACKET_NETIDS[body[1] as number] ?? '???', family: AF_PACKET, state: CLOSE, receive: memory === undefined ? 0 : viewOf(memory).getUint32(0, true),
      send: memory === undefined ? 0 : viewOf(memory).getUint32(8, true), localHost: '', localPort: view.getUint16(2, true), remoteHost: '', remotePort: 0,
      interfaceIndex: info === undefined ? 0 : viewOf(info).getUint32(0, true), inode: view.getUint32(4, true),
      uid: uid === undefined ? 0 : viewOf(uid).getUint32(0, true), cookie: view.getUint32(8, true), timer: 0, expiresMs: 0, retransmits: 0, attributes,
    };
  });
}
