/**
 * Packets as lists of numbers, for tests that need packets which nobody would send: every field can be set to a wrong
 * value, and checksums are right unless told otherwise. Independent of src/wire on purpose, so that one can judge the
 * other.
 */
import { below, chance } from '../../src/base/random.ts';
import type { RandomSource } from '../../src/base/random.ts';

export type Bytes = number[];

/** Draws for one packet. */
export class Draw {
  readonly random: RandomSource;

  constructor(random: RandomSource) {
    this.random = random;
  }

  /** An integer from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + below(this.random, high - low + 1);
  }

  pick<T>(list: readonly T[]): T {
    return list[below(this.random, list.length)];
  }

  chance(probability: number): boolean {
    return chance(this.random, probability);
  }

  bytes(length: number): Bytes {
    return Array.from({ length }, () => this.int(0, 255));
  }

  /** Lower-case letters: read as ports they are none that tcpdump knows. */
  letters(length: number): Bytes {
    return Array.from({ length }, () => this.int(0x61, 0x7a));
  }

  u32(): number {
    return this.random.int32() >>> 0;
  }
}

export function u16(value: number): Bytes {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function u32(value: number): Bytes {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** The one's complement checksum of a list, odd lengths padded. */
export function checksum(bytes: Bytes): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return ~sum & 0xffff;
}

function put16(bytes: Bytes, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

export const MAC_A = [0x02, 0, 0, 0, 0, 1];
export const MAC_B = [0x02, 0, 0, 0, 0, 2];

export function ethernet(type: number, payload: Bytes, from: Bytes = MAC_A, to: Bytes = MAC_B): Bytes {
  return [...to, ...from, ...u16(type), ...payload];
}

export interface Ipv4Fields {
  readonly source?: Bytes;
  readonly destination?: Bytes;
  readonly tos?: number;
  readonly id?: number;
  /** Flags and offset, as they stand in the header. */
  readonly fragment?: number;
  readonly ttl?: number;
  readonly options?: Bytes;
  /** Wrong values. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
  readonly badChecksum?: boolean;
}

export function ipv4(protocol: number, payload: Bytes, fields: Ipv4Fields = {}): Bytes {
  const options = fields.options ?? [];
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const words = fields.headerWords ?? 5 + padded.length / 4;
  const header = [
    ((fields.version ?? 4) << 4) | words,
    fields.tos ?? 0,
    ...u16(fields.totalLength ?? 20 + padded.length + payload.length),
    ...u16(fields.id ?? 1),
    ...u16(fields.fragment ?? 0x4000),
    fields.ttl ?? 64,
    protocol,
    0,
    0,
    ...(fields.source ?? [10, 0, 0, 1]),
    ...(fields.destination ?? [10, 0, 0, 2]),
    ...padded,
  ];
  const sum = checksum(header);
  put16(header, 10, fields.badChecksum === true ? sum ^ 0x1234 : sum);
  return [...header, ...payload];
}

export const IP6_A = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
export const IP6_B = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

export interface Ipv6Fields {
  readonly source?: Bytes;
  readonly destination?: Bytes;
  readonly trafficClass?: number;
  readonly flow?: number;
  readonly hopLimit?: number;
  readonly version?: number;
  readonly payloadLength?: number;
}

export function ipv6(next: number, payload: Bytes, fields: Ipv6Fields = {}): Bytes {
  const first = (((fields.version ?? 6) << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flow ?? 0)) >>> 0;
  return [
    ...u32(first),
    ...u16(fields.payloadLength ?? payload.length),
    next,
    fields.hopLimit ?? 64,
    ...(fields.source ?? IP6_A),
    ...(fields.destination ?? IP6_B),
    ...payload,
  ];
}

/** The addresses of a packet's two ends, of either version: what transport checksums cover. */
export interface Ends {
  readonly source: Bytes;
  readonly destination: Bytes;
}

export const ENDS4: Ends = { source: [10, 0, 0, 1], destination: [10, 0, 0, 2] };
export const ENDS6: Ends = { source: IP6_A, destination: IP6_B };

export function pseudoHeader(ends: Ends, protocol: number, length: number): Bytes {
  const addresses = [...ends.source, ...ends.destination];
  return ends.source.length === 4
    ? [...addresses, 0, protocol, ...u16(length)]
    : [...addresses, ...u32(length), 0, 0, 0, protocol];
}

/** Fills the checksum at `at` of a transport packet. */
function seal(packet: Bytes, at: number, ends: Ends | null, protocol: number, bad: boolean): Bytes {
  const covered = ends === null ? packet : [...pseudoHeader(ends, protocol, packet.length), ...packet];
  const sum = checksum(covered);
  put16(packet, at, bad ? sum ^ 0x0101 : sum);
  return packet;
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window?: number;
  readonly urgent?: number;
  readonly options?: Bytes;
  readonly dataOffset?: number;
  readonly badChecksum?: boolean;
}

export function tcp(ends: Ends, fields: TcpFields, data: Bytes = []): Bytes {
  const options = fields.options ?? [];
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const packet = [
    ...u16(fields.sourcePort),
    ...u16(fields.destinationPort),
    ...u32(fields.seq),
    ...u32(fields.ack),
    ((fields.dataOffset ?? 5 + padded.length / 4) << 4) & 0xff,
    fields.flags,
    ...u16(fields.window ?? 64240),
    0,
    0,
    ...u16(fields.urgent ?? 0),
    ...padded,
    ...data,
  ];
  return seal(packet, 16, ends, 6, fields.badChecksum === true);
}

export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length?: number;
  readonly checksum?: 'right' | 'wrong' | 'none';
}

export function udp(ends: Ends, fields: UdpFields, data: Bytes): Bytes {
  const packet = [
    ...u16(fields.sourcePort),
    ...u16(fields.destinationPort),
    ...u16(fields.length ?? 8 + data.length),
    0,
    0,
    ...data,
  ];
  return fields.checksum === 'none' ? packet : seal(packet, 6, ends, 17, fields.checksum === 'wrong');
}

/** ICMP of either version: with ends it is ICMPv6. `rest` begins after the checksum. */
export function icmp(ends: Ends | null, type: number, code: number, rest: Bytes, bad = false): Bytes {
  return seal([type, code, 0, 0, ...rest], 2, ends, 58, bad);
}
