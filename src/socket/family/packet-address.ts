/**
 * `struct sockaddr_ll` of packet(7), as C lays it out on a little-endian machine:
 *
 *   | family 2 LE | protocol 2 BE | ifindex 4 LE | hatype 2 LE | pkttype 1 | halen 1 | addr 8 |
 */
import { readBytes, readRecord, readWhole } from '../../base/arguments.ts';
import type { Device } from '../../link/device.ts';
import { AF } from '../constants.ts';

export const SOCKADDR_LL_LEN = 20;
/** Where the link-layer address begins. */
export const SLL_ADDR = 12;
export const MAC_LEN = 6;
const PROTOCOL = 2, INDEX = 4, HARDWARE = 8, TYPE = 10, ADDRESS_LEN = 11;

/** ARPHRD_ETHER and ARPHRD_LOOPBACK. */
const ETHER = 1, LOOPBACK = 772;

export function hardwareType(device: Device): number {
  return device.isLoopback ? LOOPBACK : ETHER;
}

/** The fields of a `struct sockaddr_ll`; what is left out is 0. */
export interface LinkAddress {
  /** An EtherType in host order, or ETH_P_ALL. */
  readonly protocol?: number;
  readonly index?: number;
  readonly hardware?: number;
  readonly type?: number;
  readonly address?: Uint8Array;
}

/** A `struct sockaddr_ll`: `bind(fd, sockaddrLl({ protocol: ETH_P_IP, index: 2 }))`. */
export function sockaddrLl(fields: LinkAddress): Uint8Array {
  const { protocol, index, hardware, type, address } = readRecord('sockaddrLl: fields', fields, '{ protocol, index, hardware, type, address }', (of) => ({
    protocol: readWhole('sockaddrLl: protocol', of['protocol'] ?? 0, 0, 0xffff), index: readWhole('sockaddrLl: index', of['index'] ?? 0, -0x80000000, 0x7fffffff),
    hardware: readWhole('sockaddrLl: hardware', of['hardware'] ?? 0, 0, 0xffff), type: readWhole('sockaddrLl: type', of['type'] ?? 0, 0, 0xff),
    address: of['address'] === undefined ? undefined : readBytes('sockaddrLl: address', of['address']),
  }));
  const bytes = new Uint8Array(SOCKADDR_LL_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF.PACKET, true);
  view.setUint16(PROTOCOL, protocol);
  view.setInt32(INDEX, index, true);
  view.setUint16(HARDWARE, hardware, true);
  view.setUint8(TYPE, type);
  if (address !== undefined) {
    if (address.length > 8) throw new RangeError(`sockaddrLl: address must have at most 8 bytes, not ${address.length}`);
    view.setUint8(ADDRESS_LEN, address.length);
    bytes.set(address, SLL_ADDR);
  }
  return bytes;
}

/** What a `struct sockaddr_ll` says; null for another family or too few bytes. */
export function readSockaddrLl(bytes: Uint8Array): Required<LinkAddress> | null {
  const plain = readBytes('readSockaddrLl: address', bytes);
  if (plain.length < SLL_ADDR || familyOf(plain) !== AF.PACKET) return null;
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  return {
    protocol: view.getUint16(PROTOCOL), index: view.getInt32(INDEX, true), hardware: view.getUint16(HARDWARE, true),
    type: view.getUint8(TYPE), address: plain.slice(SLL_ADDR, SLL_ADDR + view.getUint8(ADDRESS_LEN)),
  };
}

export function familyOf(bytes: Uint8Array): number {
  return (bytes[0] as number) | ((bytes[1] as number) << 8);
}

export function macBytes(device: Device): Uint8Array {
  const bytes = new Uint8Array(MAC_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, device.macHi);
  view.setInt32(2, device.macLo);
  return bytes;
}
