/** RTM_GETNEIGH, RTM_NEWNEIGH and RTM_DELNEIGH: `ip neigh` (neigh_add, neigh_delete, neigh_get). */
import { Errno } from '../../base/errno.ts';
import { ANY4, type IpAddress } from '../../base/inet-address.ts';
import { Cost } from '../../base/kernel-memory.ts';
import type { Device } from '../../link/device.ts';
import { hasKnownMac, NeighbourState, type NeighbourTable } from '../../net/neighbour.ts';
import type { Network } from '../../net/network.ts';
import { MacAddress } from '../../wire/ethernet.ts';
import { NLM_F } from '../../wire/netlink.ts';
import { NDA, NDMSG_LEN, NTF, RTM } from '../../wire/netlink-route.ts';
import { AF } from '../constants.ts';
import type { Put } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { putNeighbour } from './netlink-messages.ts';
import { openRequest, type OpenRequest, type Policy } from './netlink-request.ts';

const INDEX = 4, STATE = 8, FLAGS = 10, TYPE = 11;
const POLICY: Policy = new Map();
const MAC_LEN = 6;
/** NUD_VALID: an entry in one of these states has a hardware address. */
const WITH_ADDRESS = 0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08;

export function dumpNeighbours(network: Network, family: number, request: NetlinkRequest): Put[] {
  const { to } = request;
  // What the header might limit is not read, and yet it is a dump.
  if (request.message.body.length < NDMSG_LEN) request.reason = 'Invalid header length';
  const isWanted = (isV4: boolean): boolean => family === AF.UNSPEC || family === (isV4 ? AF.INET : AF.INET6);
  return [...network.neighbours()].filter(({ address }) => isWanted(address.isV4)).map((neighbour) => (writer) => {
    putNeighbour(writer, RTM.NEWNEIGH, NLM_F.MULTI, to, neighbour);
  });
}

/** Which entry is meant. */
interface Key {
  readonly opened: OpenRequest;
  readonly table: NeighbourTable;
  readonly device: Device;
  readonly address: IpAddress;
}

function tableOf(network: Network, family: number): NeighbourTable | null {
  return family === AF.INET ? network.neighbours4 : family === AF.INET6 ? network.neighbours6 : null;
}

export function getNeighbour(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, NDMSG_LEN, POLICY, 'Invalid header for neighbor get request');
  if (typeof opened === 'number') return opened;
  const { view } = opened;
  if (view.getUint16(STATE, true) !== 0 || view.getUint8(TYPE) !== 0) {
    return request.refuse(Errno.EINVAL, 'Invalid values in header for neighbor get request');
  }
  if ((view.getUint8(FLAGS) & ~NTF.PROXY) !== 0) return request.refuse(Errno.EINVAL, 'Invalid flags in header for neighbor get request');
  const family = view.getUint8(0);
  const table = tableOf(network, family);
  if (table === null) return request.refuse(Errno.EAFNOSUPPORT, 'Unsupported family in header for neighbor get request');
  if (!opened.has(NDA.DST)) return -Errno.EINVAL;
  const address = opened.address(NDA.DST, family === AF.INET);
  if (address === null) return request.refuse(Errno.EINVAL, 'Invalid network address in neighbor get request');
  const index = view.getInt32(INDEX, true);
  if (index === 0) return request.refuse(Errno.EINVAL, 'No device specified');
  const device = network.deviceAt(index);
  if (device === null) return request.refuse(Errno.ENODEV, 'Unknown device ifindex');
  const neighbour = table.find(device, address.a, address.b, address.c, address.d);
  if (neighbour === null) return request.refuse(Errno.ENOENT, 'Neighbour entry not found');
  request.reply((writer) => putNeighbour(writer, RTM.NEWNEIGH, 0, request.to, neighbour));
  return 0;
}

function readKey(network: Network, request: NetlinkRequest): Key | number {
  const opened = openRequest(request, NDMSG_LEN, POLICY, request.message.type === RTM.DELNEIGH ? '' : undefined);
  if (typeof opened === 'number') return opened;
  const { view } = opened;
  if (!opened.has(NDA.DST)) return request.refuse(Errno.EINVAL, 'Network address not specified');
  const index = view.getInt32(INDEX, true);
  const device = index === 0 ? null : network.deviceAt(index);
  if (index !== 0 && device === null) return -Errno.ENODEV;
  const mac = opened.get(NDA.LLADDR);
  if (request.message.type === RTM.NEWNEIGH && device !== null && mac !== undefined && mac.length < MAC_LEN) {
    return request.refuse(Errno.EINVAL, 'Invalid link address');
  }
  const family = view.getUint8(0);
  const table = tableOf(network, family);
  if (table === null) return -Errno.EAFNOSUPPORT;
  const address = opened.address(NDA.DST, family === AF.INET);
  if (address === null) return request.refuse(Errno.EINVAL, 'Invalid network address');
  // Others would be asked about it: there is no proxy ARP.
  if ((view.getUint8(FLAGS) & NTF.PROXY) !== 0) return -Errno.EOPNOTSUPP;
  if (device === null) return request.message.type === RTM.NEWNEIGH ? request.refuse(Errno.EINVAL, 'Device not specified') : -Errno.EINVAL;
  return { opened, table, device, address };
}

export function addNeighbour(network: Network, request: NetlinkRequest): number {
  const key = readKey(network, request);
  if (typeof key === 'number') return key;
  const { opened, table, device, address } = key;
  const { flags } = request.message;
  let neighbour = table.find(device, address.a, address.b, address.c, address.d);
  const isNew = neighbour === null;
  const state = opened.view.getUint16(STATE, true);
  const isPermanent = (state & NeighbourState.Permanent) !== 0;
  const lacksRoom = isPermanent && (neighbour === null || (neighbour.state & NeighbourState.Permanent) === 0) && table.memory.lacks(Cost.NEIGHBOUR);
  if (neighbour === null) {
    if ((flags & NLM_F.CREATE) === 0) return -Errno.ENOENT;
    // All neighbours on loopback are one (arp_constructor).
    neighbour = lacksRoom ? null : table.get(device, device.isLoopback && address.isV4 ? ANY4 : address, isPermanent);
    if (neighbour === null) return -Errno.ENOBUFS;
  } else if ((flags & NLM_F.EXCL) !== 0) {
    return -Errno.EEXIST;
  }
  if (lacksRoom) return -Errno.ENOBUFS;
  const bytes = opened.get(NDA.LLADDR);
  if ((state & WITH_ADDRESS) !== 0 && bytes === undefined && !hasKnownMac(neighbour)) {
    if (isNew) table.remove(neighbour);
    return request.refuse(Errno.EINVAL, 'No link layer address given');
  }
  // An address that is known is another one's to replace.
  const isKept = bytes === undefined || (!isNew && (flags & NLM_F.REPLACE) === 0 && hasKnownMac(neighbour));
  neighbour.administer(isKept ? null : MacAddress.fromBytes(bytes), state);
  if (!isKept || state === 0) neighbour.isRouter = (opened.view.getUint8(FLAGS) & NTF.ROUTER) !== 0;
  return 0;
}

export function deleteNeighbour(network: Network, request: NetlinkRequest): number {
  const key = readKey(network, request);
  if (typeof key === 'number') return key;
  const { table, device, address } = key;
  const neighbour = table.find(device, address.a, address.b, address.c, address.d);
  if (neighbour === null) return -Errno.ENOENT;
  // It fails first, and those who listen hear both.
  neighbour.administer(null, NeighbourState.Failed);
  table.remove(neighbour);
  return 0;
}
