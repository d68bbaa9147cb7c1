/** RTM_GETLINK, RTM_SETLINK, RTM_NEWLINK and RTM_DELLINK: `ip link` (rtnl_getlink, do_setlink, rtnl_newlink). */
import { Errno } from '../../base/errno.ts';
import { InterfaceFlag } from '../../link/device.ts';
import type { Interface } from '../../net/interface.ts';
import type { Network } from '../../net/network.ts';
import { NLM_F } from '../../wire/netlink.ts';
import { IFINFOMSG_LEN, IFLA, RTM } from '../../wire/netlink-route.ts';
import type { Put } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { MAX_MTU, MIN_MTU, putLink } from './netlink-messages.ts';
import { type OpenRequest, openRequest, type Policy } from './netlink-request.ts';

/** IFNAMSIZ less its NUL. */
const NAME_LEN = 15;
const POLICY: Policy = new Map([[IFLA.IFNAME, -NAME_LEN], [IFLA.MTU, 4], [IFLA.TXQLEN, 4], [IFLA.GROUP, 4], [IFLA.EXT_MASK, 4]]);
/** What a request may say and nothing here can do: it would be lost. */
const FIXED: readonly number[] = [IFLA.ADDRESS, IFLA.BROADCAST, IFLA.TXQLEN, IFLA.GROUP];
const INDEX = 4, FLAGS = 8, CHANGE = 12;

export function dumpLinks(network: Network, { to }: NetlinkRequest): Put[] {
  return network.interfaces().map((owner) => (writer) => putLink(writer, RTM.NEWLINK, NLM_F.MULTI, to, owner));
}

/** The interface that a request names by its number, or else by its name; a negative errno. */
function findLink(network: Network, opened: OpenRequest): Interface | number {
  const index = opened.view.getInt32(INDEX, true);
  const name = opened.text(IFLA.IFNAME);
  if (index <= 0 && name === null) return -Errno.EINVAL;
  const owner = network.interfaces().find((each) => (index > 0 ? each.index === index : each.name === name));
  return owner ?? -Errno.ENODEV;
}

export function getLink(network: Network, request: NetlinkRequest): number {
  if (request.message.body.length < IFINFOMSG_LEN) return request.refuse(Errno.EINVAL, 'Invalid header for get link');
  const opened = openRequest(request, IFINFOMSG_LEN, POLICY);
  if (typeof opened === 'number') return opened;
  const owner = findLink(network, opened);
  if (typeof owner === 'number') return owner;
  request.reply((writer) => putLink(writer, RTM.NEWLINK, 0, request.to, owner));
  return 0;
}

/** A link that is there, and what of it changes; there are no kinds of links to be made here. */
export function newLink(network: Network, request: NetlinkRequest): number {
  const { flags } = request.message;
  const opened = openRequest(request, IFINFOMSG_LEN, POLICY);
  if (typeof opened === 'number') return opened;
  const owner = opened.view.getInt32(INDEX, true) > 0 || opened.has(IFLA.IFNAME) ? findLink(network, opened) : -Errno.ENODEV;
  if (typeof owner !== 'number') {
    if ((flags & NLM_F.EXCL) !== 0) return -Errno.EEXIST;
    if ((flags & NLM_F.REPLACE) !== 0) return -Errno.EOPNOTSUPP;
    return change(network, owner, opened, request);
  }
  if ((flags & NLM_F.CREATE) === 0) return -Errno.ENODEV;
  return request.refuse(Errno.EOPNOTSUPP, 'Unknown device type');
}

export function setLink(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFINFOMSG_LEN, POLICY);
  if (typeof opened === 'number') return opened;
  const owner = findLink(network, opened);
  return typeof owner === 'number' ? owner : change(network, owner, opened, request);
}

export function deleteLink(network: Network, request: NetlinkRequest): number {
  const opened = openRequest(request, IFINFOMSG_LEN, POLICY);
  if (typeof opened === 'number') return opened;
  const owner = findLink(network, opened);
  // Only links that a program made go by its word: there are none.
  return typeof owner === 'number' ? owner : -Errno.EOPNOTSUPP;
}

function change(network: Network, owner: Interface, opened: OpenRequest, request: NetlinkRequest): number {
  const { device } = owner;
  if (FIXED.some((type) => opened.has(type))) return -Errno.EOPNOTSUPP;
  const name = opened.text(IFLA.IFNAME);
  if (name !== null && name !== device.name) return -Errno.EOPNOTSUPP;
  const word = opened.uint32(IFLA.MTU);
  // It is signed there.
  const mtu = word === null ? null : word | 0;
  if (mtu !== null && mtu < MIN_MTU) return request.refuse(Errno.EINVAL, 'mtu less than device minimum');
  if (mtu !== null && mtu > (device.isLoopback ? 0x7fffffff : MAX_MTU)) {
    return request.refuse(Errno.EINVAL, 'mtu greater than device maximum');
  }
  const before = [device.mtuBytes, device.up, owner.isPromiscuous];
  if (mtu !== null) device.mtuBytes = mtu;
  const flags = opened.view.getUint32(FLAGS, true);
  // Without a mask all flags count, where there are any (rtnl_dev_combine_flags).
  const mask = opened.view.getUint32(CHANGE, true) || (flags === 0 ? 0 : 0xffffffff);
  if ((mask & InterfaceFlag.UP) !== 0) device.up = (flags & InterfaceFlag.UP) !== 0;
  if ((mask & InterfaceFlag.PROMISC) !== 0 && owner.isPromiscuous !== ((flags & InterfaceFlag.PROMISC) !== 0)) {
    owner.isPromiscuous = !owner.isPromiscuous;
    device.promiscuity += owner.isPromiscuous ? 1 : -1;
  }
  if (before[0] !== device.mtuBytes || before[1] !== device.up || before[2] !== owner.isPromiscuous) network.deviceChanged(device);
  return 0;
}
