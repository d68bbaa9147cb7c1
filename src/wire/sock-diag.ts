/**
 * sock_diag(7): the numbers of <linux/sock_diag.h>, <linux/inet_diag.h>, <linux/unix_diag.h> and <linux/packet_diag.h>, and the
 * requests. What answers look like stands with those who write them (socket/family/netlink-diag*.ts).
 *
 *   inet_diag_req_v2   | family 1 | protocol 1 | extensions 1 | pad 1 | states 4 | sockid 48 |
 *   inet_diag_sockid   | source port 2 be | peer's port 2 be | source 16 | peer 16 | interface 4 | cookie 8 |
 *   inet_diag_msg      | family 1 | state 1 | timer 1 | retransmits 1 | sockid 48 | expires 4 | rqueue 4 | wqueue 4 | uid 4 | inode 4 |
 *   unix_diag_req      | family 1 | protocol 1 | pad 2 | states 4 | inode 4 | show 4 | cookie 8 |
 *   packet_diag_req    | family 1 | protocol 1 | pad 2 | inode 4 | show 4 | cookie 8 |
 */

export const SOCK_DIAG_BY_FAMILY = 20, SOCK_DESTROY = 21;
export const INET_DIAG_REQ_LEN = 56, UNIX_DIAG_REQ_LEN = 24, PACKET_DIAG_REQ_LEN = 20;
export const INET_DIAG_MSG_LEN = 72, UNIX_DIAG_MSG_LEN = 16, PACKET_DIAG_MSG_LEN = 16;

/** Attributes of an answer; those up to 8 are asked for by the bit (1 << (type - 1)) of the request's extensions. */
export const INET_DIAG = {
  MEMINFO: 1, INFO: 2, CONG: 4, TOS: 5, TCLASS: 6, SKMEMINFO: 7, SHUTDOWN: 8, PROTOCOL: 10, SKV6ONLY: 11, PAD: 13, MARK: 15, CLASS_ID: 17,
  CGROUP_ID: 21, SOCKOPT: 22,
} as const;
/** Attributes of a request. */
export const INET_DIAG_REQ = { BYTECODE: 1, PROTOCOL: 3 } as const;
export const UNIX_DIAG = { NAME: 0, VFS: 1, PEER: 2, ICONS: 3, RQLEN: 4, MEMINFO: 5, SHUTDOWN: 6, UID: 7 } as const;
export const UDIAG_SHOW = { NAME: 1, VFS: 2, PEER: 4, ICONS: 8, RQLEN: 0x10, MEMINFO: 0x20, UID: 0x40 } as const;
export const PACKET_DIAG = { INFO: 0, MCLIST: 1, RX_RING: 2, TX_RING: 3, FANOUT: 4, UID: 5, MEMINFO: 6, FILTER: 7 } as const;
export const PACKET_SHOW = { INFO: 1, MCLIST: 2, RING_CFG: 4, FANOUT: 8, MEMINFO: 0x10, FILTER: 0x20 } as const;

/** No socket has this cookie: any may be meant. */
export const NO_COOKIE = 0xffffffff;

export interface InetDiagRequest {
  family: number;
  protocol: number;
  extensions: number;
  /** A bit for each of Linux's states. */
  states: number;
  sourcePort: number;
  peerPort: number;
  /** 16 bytes each; an IPv4 address is the first four. */
  source: Uint8Array;
  peer: Uint8Array;
  interfaceIndex: number;
  cookie: readonly [low: number, high: number];
}

/** `body` has INET_DIAG_REQ_LEN bytes at least. */
export function readInetDiagRequest(body: Uint8Array): InetDiagRequest {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    family: view.getUint8(0), protocol: view.getUint8(1), extensions: view.getUint8(2), states: view.getUint32(4, true),
    sourcePort: view.getUint16(8), peerPort: view.getUint16(10), source: body.subarray(12, 28), peer: body.subarray(28, 44),
    interfaceIndex: view.getUint32(44, true), cookie: [view.getUint32(48, true), view.getUint32(52, true)],
  };
}

/** A request's bytes: for programs. Ports and addresses are left open. */
export function inetDiagRequest(family: number, protocol: number, extensions: number, states: number): Uint8Array {
  const bytes = new Uint8Array(INET_DIAG_REQ_LEN);
  const view = new DataView(bytes.buffer);
  bytes.set([family, protocol, extensions]);
  view.setUint32(4, states, true);
  view.setUint32(48, NO_COOKIE, true);
  view.setUint32(52, NO_COOKIE, true);
  return bytes;
}

export interface UnixDiagRequest {
  states: number;
  inode: number;
  show: number;
  cookie: readonly [low: number, high: number];
}

export function readUnixDiagRequest(body: Uint8Array): UnixDiagRequest {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    states: view.getUint32(4, true), inode: view.getUint32(8, true), show: view.getUint32(12, true),
    cookie: [view.getUint32(16, true), view.getUint32(20, true)],
  };
}

export function unixDiagRequest(family: number, states: number, show: number): Uint8Array {
  const bytes = new Uint8Array(UNIX_DIAG_REQ_LEN);
  const view = new DataView(bytes.buffer);
  bytes[0] = family;
  view.setUint32(4, states, true);
  view.setUint32(12, show, true);
  view.setUint32(16, NO_COOKIE, true);
  view.setUint32(20, NO_COOKIE, true);
  return bytes;
}

export interface PacketDiagRequest {
  protocol: number;
  show: number;
}

export function readPacketDiagRequest(body: Uint8Array): PacketDiagRequest {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return { protocol: view.getUint8(1), show: view.getUint32(8, true) };
}

export function packetDiagRequest(family: number, show: number): Uint8Array {
  const bytes = new Uint8Array(PACKET_DIAG_REQ_LEN);
  bytes[0] = family;
  new DataView(bytes.buffer).setUint32(8, show, true);
  return bytes;
}
