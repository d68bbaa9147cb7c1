/** RTM_GETADDR, RTM_NEWADDR and RTM_DELADDR: `ip addr` (inet_rtm_newaddr, inet6_rtm_newaddr and their kin). */
import { Errno } from '../../base/errno.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import type { Device } from '../../link/device.ts';
import { AddressScope, type InterfaceAddress } from '../../net/interface.ts';
import type { Network } from '../../net/network.ts';
import { NLM_F } from '../../wire/netlink.ts';
import { IFA, IFA_F, IFADDRMSG_LEN, RTM } from '../../wire/netlink-route.ts';
import { AF } from '../constants.ts';
import type { Put } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { addressOrder, putAddress } from './netlink-messages.ts';
import { type OpenRequest, openRequest, type Policy } from './netlink-request.ts';

const CACHEINFO_LEN = 16;
const POLICY4: Policy = new Map([
  [IFA.ADDRESS, 4], [IFA.LOCAL, 4], [IFA.BROADCAST, 4], [IFA.LABEL, -15], [IFA.CACHEINFO, CACHEINFO_LEN], [IFA.FLAGS, 4], [IFA.RT_PRIORITY, 4],
]);
const POLICY6: Policy = new Map([[IFA.ADDRESS, 16], [IFA.LOCAL, 16], [IFA.CACHEINFO, CACHEINFO_LEN], [IFA.FLAGS, 4], [IFA.RT_PRIORITY, 4]]);
const PREFIX_LEN = 1, FLAGS = 2, SCOPE = 3, INDEX = 4;
const SCOPES: ReadonlySet<number> = new Set(Object.values(AddressScope));
const FOR_EVER = 0xffffffff;

/** One family after the other. */
export function dumpAddresses(network: Network, family: number, index: number, { to }: NetlinkRequest): Put[] {
  const all = network.interfaces().filter((owner) => index === 0 || owner.index === index).flatMap(({ addresses }) => addressOrder(addresses));
  const wanted: InterfaceAddress[] = [];
  if (family !== AF.INET6) wanted.push(...all.filter(({ address }) => address.isV4));
  if (family !== AF.INET) wanted.push(...all.filter(({ address }) => !address.isV4));
  const flags = NLM_F.MULTI | (index === 0 ? 0 : NLM_F.DUMP_FILTERED);
  return wanted.map((entry) => (writer) => putAddress(writer, RTM.NEWADDR, flags, to, entry));
}

/** IPv6 alone tells of one address. */
export function getAddress6(network: Network, request: NetlinkRequest): number {
  if (request.message.body.length < IFADDRMSG_LEN) return request.refuse(Errno.EINVAL, 'ipv6: Invalid header for get address request');
  const opened = openRequest(request, IFADDRMSG_LEN, POLICY6);
  if (typeof opened === 'number') return opened;
  const address = opened.address(IFA.LOCAL, false) ?? opened.address(IFA.ADDRESS, false);
  if (address === null) return -Errno.EINVAL;
  const device = network.deviceAt(opened.view.getInt32(INDEX, true));
  const entry = network.interfaces().filter((owner) => device === null || owner.device === device)
    .map((owner) => owner.find(address)).find((found) => found !== null);
  if (entry == null) return -Errno.EADDRNOTAVAIL;
  request.reply((writer) => putAddress(writer, RTM.NEWADDR, 0, request.to, entry));
  return 0;
}

export function addAddress4(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFADDRMSG_LEN, POLICY4);
  if (typeof opened === 'number') return opened;
  const prefixLength = opened.view.getUint8(PREFIX_LEN);
  if (prefixLength > 32) return request.refuse(Errno.EINVAL, 'ipv4: Invalid prefix length');
  const address = opened.address(IFA.LOCAL, true);
  if (address === null) return request.refuse(Errno.EINVAL, 'ipv4: Local address is not supplied');
  const device = network.deviceAt(opened.view.getInt32(INDEX, true));
  if (device === null) return request.refuse(Errno.ENODEV, 'ipv4: Device not found');
  const peer = opened.address(IFA.ADDRESS, true);
  if (peer !== null && !peer.equals(address)) return request.refuse(Errno.EOPNOTSUPP, 'ipv4: there are no peer addresses');
  const label = opened.text(IFA.LABEL);
  const scope = opened.view.getUint8(SCOPE);
  if (!SCOPES.has(scope)) return request.refuse(Errno.EINVAL, 'ipv4: Invalid scope value');
  const sibling = network.interfaceOf(device)?.firstIn(address, prefixLength) ?? null;
  if (sibling !== null && !sibling.address.equals(address) && sibling.scope !== scope) {
    return request.refuse(Errno.EINVAL, 'ipv4: Invalid scope value');
  }
  return add(network, request, opened, device, address, prefixLength, {
    scope: scope as AddressScope, broadcast: opened.address(IFA.BROADCAST, true), ...(label === null ? {} : { label }),
  });
}

export function addAddress6(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFADDRMSG_LEN, POLICY6);
  if (typeof opened === 'number') return opened;
  const address = opened.address(IFA.LOCAL, false) ?? opened.address(IFA.ADDRESS, false);
  if (address === null) return -Errno.EINVAL;
  const peer = opened.address(IFA.ADDRESS, false);
  if (peer !== null && !peer.equals(address)) return request.refuse(Errno.EOPNOTSUPP, 'ipv6: there are no peer addresses');
  const device = network.deviceAt(opened.view.getInt32(INDEX, true));
  if (device === null) return request.refuse(Errno.ENODEV, 'ipv6: Unable to find the interface');
  const prefixLength = opened.view.getUint8(PREFIX_LEN);
  if (prefixLength > 128) return request.refuse(Errno.EINVAL, 'ipv6: Invalid prefix length');
  if (address.isMulticast) {
    return request.refuse(Errno.EADDRNOTAVAIL, 'ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag');
  }
  if (address.isUnspecified) return request.refuse(Errno.EADDRNOTAVAIL, 'ipv6: Invalid address');
  if (address.isLoopback && !device.isLoopback) {
    return request.refuse(Errno.EADDRNOTAVAIL, 'ipv6: Cannot assign loopback address on this device');
  }
  const flags = opened.uint32(IFA.FLAGS) ?? opened.view.getUint8(FLAGS);
  return add(network, request, opened, device, address, prefixLength, { nodad: (flags & IFA_F.NODAD) !== 0 });
}

type Options = NonNullable<Parameters<Network['addAddress']>[3]>;

function add(
  network: Network, request: NetlinkRequest, opened: OpenRequest, device: Device, address: IpAddress, prefixLength: number, options: Options,
): number {
  const { flags } = request.message;
  const family = address.isV4 ? 'ipv4' : 'ipv6';
  const life = opened.get(IFA.CACHEINFO);
  if (life !== undefined) {
    const view = new DataView(life.buffer, life.byteOffset, life.length);
    const [preferred, valid] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (valid === 0 || preferred > valid) return request.refuse(Errno.EINVAL, `${family}: address lifetime invalid`);
    if (valid !== FOR_EVER || preferred !== FOR_EVER) return request.refuse(Errno.EOPNOTSUPP, `${family}: addresses do not expire`);
  }
  // One that is there keeps what it has: nothing of it can be replaced.
  const isThere = network.interfaceOf(device)?.find(address) != null;
  const mayBeThere = (flags & NLM_F.EXCL) === 0 && (flags & NLM_F.REPLACE) !== 0;
  if (isThere) return mayBeThere ? 0 : request.refuse(Errno.EEXIST, `${family}: ${address.isV4 ? 'A' : 'a'}ddress already assigned`);
  return network.addAddress(device, address, prefixLength, options);
}

export function deleteAddress4(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFADDRMSG_LEN, POLICY4);
  if (typeof opened === 'number') return opened;
  const device = network.deviceAt(opened.view.getInt32(INDEX, true));
  const owner = device === null ? null : network.interfaceOf(device);
  if (device === null || owner === null) return request.refuse(Errno.ENODEV, 'ipv4: Device not found');
  const local = opened.address(IFA.LOCAL, true);
  const within = opened.address(IFA.ADDRESS, true);
  const label = opened.text(IFA.LABEL);
  const prefixLength = opened.view.getUint8(PREFIX_LEN);
  for (const entry of addressOrder(owner.addresses)) {
    if (!entry.address.isV4 || (local !== null && !entry.address.equals(local))) continue;
    if (label !== null && entry.label !== label) continue;
    if (within !== null && (entry.prefixLength !== prefixLength || !within.isIn(entry.address, prefixLength))) continue;
    return network.removeAddress(device, entry.address);
  }
  return request.refuse(Errno.EADDRNOTAVAIL, 'ipv4: Address not found');
}

export function deleteAddress6(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFADDRMSG_LEN, POLICY6);
  if (typeof opened === 'number') return opened;
  const address = opened.address(IFA.LOCAL, false) ?? opened.address(IFA.ADDRESS, false);
  if (address === null) return -Errno.EINVAL;
  const prefixLength = opened.view.getUint8(PREFIX_LEN);
  if (prefixLength > 128) return request.refuse(Errno.EINVAL, 'ipv6: Invalid prefix length');
  const device = network.deviceAt(opened.view.getInt32(INDEX, true));
  const owner = device === null ? null : network.interfaceOf(device);
  if (device === null || owner === null) return request.refuse(Errno.ENODEV, 'ipv6: Unable to find the interface');
  const entry = owner.find(address);
  if (entry === null || entry.prefixLength !== prefixLength) return request.refuse(Errno.EADDRNOTAVAIL, 'ipv6: address not found');
  return network.removeAddress(device, address);
}
