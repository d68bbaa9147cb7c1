/**
 * Resource records of DNS (RFC 1035 section 3.2; RFC 3596 AAAA, RFC 2782 SRV, RFC 6891 OPT).
 *
 * Called by dns.ts. The data of a type that is not known here is kept as it came (RFC 3597).
 */
import { IpAddress } from '../base/inet-address.ts';
import { DnsFault, type DnsReader } from './dns-reader.ts';
import type { DnsWriter } from './dns-writer.ts';

export const DnsType = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, AXFR: 252, ANY: 255,
} as const;
/** Any number of 16 bits: there are types of which nobody here knows. */
export type DnsType = number;

export const DnsClass = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;
export type DnsClass = number;

/** What a record says; its type tells which of these it is. */
export type DnsData =
  | { readonly kind: 'address'; readonly address: IpAddress }
  | { readonly kind: 'name'; readonly target: string }
  | StartOfAuthority
  | { readonly kind: 'mx'; readonly preference: number; readonly exchange: string }
  | { readonly kind: 'srv'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly kind: 'txt'; readonly strings: readonly Uint8Array[] }
  | { readonly kind: 'opt'; readonly options: readonly EdnsOption[] }
  | { readonly kind: 'opaque'; readonly bytes: Uint8Array };

export interface StartOfAuthority {
  readonly kind: 'soa';
  readonly primary: string;
  /** The mailbox of who is responsible, its @ written as a dot. */
  readonly mailbox: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** How long a "no such thing" may be kept (RFC 2308 section 4). */
  readonly minimum: number;
}

export interface EdnsOption {
  readonly code: number;
  readonly bytes: Uint8Array;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: DnsType;
  /** For OPT the size of datagram that its sender takes. */
  readonly class: DnsClass;
  /** Seconds; for OPT flags and the upper bits of the result code. */
  readonly ttl: number;
  readonly data: DnsData;
}

/** Reads the data of a record, which has `length` octets at the reader's place. What is wrong is in the reader's `fault`. */
export function readDnsData(reader: DnsReader, type: DnsType, dnsClass: DnsClass, length: number): DnsData {
  const messageEnd = reader.end;
  const end = reader.at + length;
  if (end > messageEnd) reader.fail(DnsFault.Truncated);
  else reader.end = end;
  const data = readKind(reader, type, dnsClass, end);
  // Data that its type does not use up is as wrong as data that ends too early.
  if (reader.at !== end) reader.fail(DnsFault.BadData);
  reader.end = messageEnd;
  return data;
}

function readKind(reader: DnsReader, type: DnsType, dnsClass: DnsClass, end: number): DnsData {
  switch (type) {
    case DnsType.NS:
    case DnsType.CNAME:
    case DnsType.PTR:
      return { kind: 'name', target: reader.name() };
    case DnsType.SOA:
      return {
        kind: 'soa', primary: reader.name(), mailbox: reader.name(), serial: reader.u32(), refresh: reader.u32(),
        retry: reader.u32(), expire: reader.u32(), minimum: reader.u32(),
      };
    case DnsType.MX:
      return { kind: 'mx', preference: reader.u16(), exchange: reader.name() };
    case DnsType.TXT: {
      const strings: Uint8Array[] = [];
      while (reader.at < end && reader.fault === DnsFault.None) strings.push(reader.octets(reader.u8()));
      return { kind: 'txt', strings };
    }
    case DnsType.OPT: {
      const options: EdnsOption[] = [];
      while (reader.at < end && reader.fault === DnsFault.None) {
        options.push({ code: reader.u16(), bytes: reader.octets(reader.u16()) });
      }
      return { kind: 'opt', options };
    }
    default:
      break;
  }
  // These types have another form in other classes, or none.
  if (dnsClass === DnsClass.IN) {
    if (type === DnsType.A || type === DnsType.AAAA) {
      const bytes = reader.octets(type === DnsType.A ? 4 : 16);
      if (reader.fault === DnsFault.None) return { kind: 'address', address: IpAddress.fromBytes(bytes) };
    }
    if (type === DnsType.SRV) {
      return { kind: 'srv', priority: reader.u16(), weight: reader.u16(), port: reader.u16(), target: reader.name() };
    }
  }
  return { kind: 'opaque', bytes: reader.octets(end - reader.at) };
}

/** Writes a whole record. */
export function writeDnsRecord(writer: DnsWriter, { name, type, class: dnsClass, ttl, data }: DnsRecord): void {
  writer.name(name);
  writer.u16(type);
  writer.u16(dnsClass);
  writer.u32(ttl);
  const lengthAt = writer.at;
  writer.u16(0);
  writeData(writer, type, data);
  if (!writer.overflowed) writer.patch16(lengthAt, writer.at - lengthAt - 2);
}

function writeData(writer: DnsWriter, type: DnsType, data: DnsData): void {
  switch (data.kind) {
    case 'address':
      writer.octets(type === DnsType.A ? data.address.toBytes() : data.address.toBytes6());
      return;
    case 'name':
      writer.name(data.target);
      return;
    case 'soa':
      writer.name(data.primary);
      writer.name(data.mailbox);
      for (const number of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) writer.u32(number);
      return;
    case 'mx':
      writer.u16(data.preference);
      writer.name(data.exchange);
      return;
    case 'srv':
      for (const number of [data.priority, data.weight, data.port]) writer.u16(number);
      // RFC 2782: name compression is not to be used for this field.
      writer.name(data.target, false);
      return;
    case 'txt':
      for (const string of data.strings) {
        writer.u8(string.length);
        writer.octets(string);
      }
      return;
    case 'opt':
      for (const { code, bytes } of data.options) {
        writer.u16(code);
        writer.u16(bytes.length);
        writer.octets(bytes);
      }
      return;
    case 'opaque':
      writer.octets(data.bytes);
      return;
    default:
      data satisfies never;
  }
}
