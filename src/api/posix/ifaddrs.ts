/**
 * getifaddrs(3) and the names of interfaces (if_nametoindex(3) and its kin).
 *
 * getifaddrs has entries as glibc makes them: first each interface itself with its hardware address (AF_PACKET), then the
 * IPv4 addresses, then the IPv6 ones.
 */
import { readNumber, readText } from '../../base/arguments.ts';
import { IpAddress, maskWord } from '../../base/inet-address.ts';
import type { Host } from '../../host.ts';
import type { Interface } from '../../net/interface.ts';
import { AF } from '../../socket/constants.ts';
import { SOCKADDR_IN6_LEN, sockaddrBytes } from '../../socket/sockaddr.ts';
import { mustBeProcess, type NameProcess } from './name-process.ts';

/** A `struct ifaddrs`. */
export interface Ifaddrs {
  name: string;
  /** IFF_UP ... */
  flags: number;
  /** A sockaddr_ll (AF_PACKET), sockaddr_in or sockaddr_in6. */
  addr: Uint8Array;
  netmask: Uint8Array | null;
  broadaddr: Uint8Array | null;
}

/** Hardware types of <net/if_arp.h>. */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const SOCKADDR_LL_LEN = 20;
const SLL_IFINDEX = 4, SLL_HATYPE = 8, SLL_HALEN = 11, SLL_ADDR = 12;
const MAC_LEN = 6;

/** The entries of a host. */
export function interfaceAddresses(host: Host): Ifaddrs[] {
  const all = host.network.interfaces();
  const links = all.map((entry): Ifaddrs => {
    const { macHi, macLo, isLoopback } = entry.device;
    const hardware = (hi: number, lo: number): Uint8Array => sockaddrLink(entry.index, isLoopback, hi, lo);
    const broadaddr = isLoopback ? hardware(0, 0) : hardware(0xffff, 0xffffffff);
    return { name: entry.name, flags: entry.flags, addr: hardware(macHi, macLo), netmask: null, broadaddr };
  });
  return [...links, ...inetEntries(all, true), ...inetEntries(all, false)];
}

function inetEntries(interfaces: readonly Interface[], isV4: boolean): Ifaddrs[] {
  return interfaces.flatMap((entry) => entry.addresses.filter(({ address }) => address.isV4 === isV4).map((own): Ifaddrs => {
    const { address, prefixLength, broadcast } = own;
    const scopeId = address.needsScope ? entry.index : 0;
    const masks = [0, 32, 64, 96].map((before) => maskWord(prefixLength - before));
    const mask = isV4 ? IpAddress.fromV4(masks[0]) : new IpAddress(masks[0], masks[1], masks[2], masks[3]);
    return {
      name: entry.name,
      flags: entry.flags,
      addr: sockaddrBytes(isV4, address, 0, scopeId),
      netmask: sockaddrBytes(isV4, mask, 0, 0),
      broadaddr: isV4 && broadcast !== 0 && !entry.device.isLoopback ? sockaddrBytes(true, IpAddress.fromV4(broadcast), 0, 0) : null,
    };
  }));
}

/** A `struct sockaddr_ll` (man 7 packet). */
function sockaddrLink(index: number, isLoopback: boolean, macHi: number, macLo: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_LL_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF.PACKET, true);
  view.setInt32(SLL_IFINDEX, index, true);
  view.setUint16(SLL_HATYPE, isLoopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER, true);
  bytes[SLL_HALEN] = MAC_LEN;
  view.setUint16(SLL_ADDR, macHi);
  view.setInt32(SLL_ADDR + 2, macLo);
  return bytes;
}

/** What if_nameindex(3) lists. */
export interface NameIndex {
  index: number;
  name: string;
}

/** if_nameindex(3): the interfaces with their numbers, loopback's is 1. */
export async function if_nameindex(process: NameProcess): Promise<NameIndex[]> {
  mustBeProcess('if_nameindex', process);
  return links(process);
}

async function links(process: NameProcess): Promise<NameIndex[]> {
  const list: NameIndex[] = [];
  for (const { name, addr } of await process.getifaddrs()) {
    const view = new DataView(addr.buffer, addr.byteOffset, addr.length);
    if (view.getUint16(0, true) === AF.PACKET) list.push({ index: view.getInt32(SLL_IFINDEX, true), name });
  }
  return list;
}

/** if_nametoindex(3): the interface's number, 0 when there is none of this name. */
export async function if_nametoindex(process: NameProcess, name: string): Promise<number> {
  mustBeProcess('if_nametoindex', process);
  readText('if_nametoindex: name', name);
  return (await links(process)).find((entry) => entry.name === name)?.index ?? 0;
}

/** if_indextoname(3): the interface's name, null when there is none with this number (C: ENXIO). */
export async function if_indextoname(process: NameProcess, index: number): Promise<string | null> {
  mustBeProcess('if_indextoname', process);
  readNumber('if_indextoname: index', index);
  return (await links(process)).find((entry) => entry.index === index)?.name ?? null;
}

/** The length of a netmask's prefix. */
export function prefixLengthOf(netmask: Uint8Array): number {
  const [from, to] = netmask.length === SOCKADDR_IN6_LEN ? [8, 24] : [4, 8];
  let length = 0;
  // Leading ones of a byte are leading zeros of its complement.
  for (let i = from; i < to && netmask[i] !== 0; i++) length += Math.clz32(~(netmask[i] << 24));
  return length;
}
