/**
 * The files that names are read from: hosts(5), services(5), protocols(5), as glibc reads them (nss_files): fields between
 * white space, `#` begins a comment, a line that is none is left out.
 */
import { readNumber, readText } from '../../base/arguments.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import { mustBeProcess, type NameProcess } from './name-process.ts';
import { readText as textOf } from './text-file.ts';

/** An address that a name has. `address` of AF_INET6 may be one that stands for an IPv4 address, as text says it. */
export interface HostAddress {
  readonly family: number;
  readonly address: IpAddress;
  readonly scopeId: number;
}

/** What a name is called in full, and its addresses. */
export interface HostEntry {
  readonly canonical: string;
  readonly addresses: readonly HostAddress[];
}

/** A `struct servent`; the port in host order. */
export interface Servent {
  name: string;
  aliases: string[];
  port: number;
  proto: string;
}

/** A `struct protoent`. */
export interface Protoent {
  name: string;
  aliases: string[];
  proto: number;
}

interface HostsLine {
  readonly address: IpAddress;
  /** As written: `::ffff:192.0.2.1` is an IPv6 address. */
  readonly isV6: boolean;
  readonly names: readonly string[];
}

function* fieldsOf(text: string): IterableIterator<string[]> {
  for (const line of text.split('\n')) {
    const fields = line.replace(/#.*/s, '').split(/[ \t\r\v\f]+/).filter((field) => field !== '');
    if (fields.length > 0) yield fields;
  }
}

async function hostsLines(process: NameProcess): Promise<HostsLine[]> {
  const lines: HostsLine[] = [];
  for (const [text, ...names] of fieldsOf(await textOf(process, '/etc/hosts'))) {
    const address = IpAddress.parse(text);
    // nss_files takes the address of a line without names for that of the empty name.
    if (address !== null) lines.push({ address, isV6: text.includes(':'), names: names.length > 0 ? names : [''] });
  }
  return lines;
}

/** What a line's address is in a family; null when it has none there. */
function inFamily({ address, isV6 }: HostsLine, family: number): HostAddress | null {
  if (family === AF_INET6) return isV6 ? { family, address, scopeId: 0 } : null;
  if (family !== AF_INET) return { family: isV6 ? AF_INET6 : AF_INET, address, scopeId: 0 };
  // nss_files gives ::1 as 127.0.0.1 to who asks for IPv4, and addresses that stand for an IPv4 one as that.
  if (isV6 && address.isLoopback && !address.isV4) return { family, address: IpAddress.fromV4(0x7f000001), scopeId: 0 };
  return address.isV4 ? { family, address, scopeId: 0 } : null;
}

/** All addresses that /etc/hosts has for a name in `family` (AF_UNSPEC: in both); null when it has none. */
export async function hostByName(process: NameProcess, name: string, family: number): Promise<HostEntry | null> {
  const key = name.toLowerCase();
  let canonical: string | null = null;
  const addresses: HostAddress[] = [];
  for (const line of await hostsLines(process)) {
    if (!line.names.some((other) => other.toLowerCase() === key)) continue;
    const address = inFamily(line, family);
    if (address === null) continue;
    canonical ??= line.names[0];
    addresses.push(address);
  }
  return canonical === null ? null : { canonical, addresses };
}

/** The name that /etc/hosts has for an address; null when it has none. */
export async function hostByAddress(process: NameProcess, family: number, address: IpAddress): Promise<string | null> {
  for (const line of await hostsLines(process)) {
    const own = inFamily(line, family);
    if (own?.address.equals(address)) return line.names[0];
  }
  return null;
}

async function services(process: NameProcess): Promise<Servent[]> {
  const list: Servent[] = [];
  for (const [name, where = '', ...aliases] of fieldsOf(await textOf(process, '/etc/services'))) {
    const parts = /^(\d+)\/(.+)$/.exec(where);
    if (parts !== null) list.push({ name, aliases, port: Number(parts[1]) & 0xffff, proto: parts[2] });
  }
  return list;
}

/** getservbyname(3): the service of this name or alias, of any protocol when `proto` is null; null when there is none. */
export async function getservbyname(process: NameProcess, name: string, proto: string | null): Promise<Servent | null> {
  mustBeProcess('getservbyname', process);
  readText('getservbyname: name', name);
  if (proto !== null) readText('getservbyname: proto', proto);
  const fits = (entry: Servent): boolean => proto === null || entry.proto === proto;
  return (await services(process)).find((entry) => fits(entry) && (entry.name === name || entry.aliases.includes(name))) ?? null;
}

/** getservbyport(3): the service of a port, which is in host order (C: in network order); null when there is none. */
export async function getservbyport(process: NameProcess, port: number, proto: string | null): Promise<Servent | null> {
  mustBeProcess('getservbyport', process);
  readNumber('getservbyport: port', port);
  if (proto !== null) readText('getservbyport: proto', proto);
  return (await services(process)).find((entry) => entry.port === port && (proto === null || entry.proto === proto)) ?? null;
}

async function protocols(process: NameProcess): Promise<Protoent[]> {
  const list: Protoent[] = [];
  for (const [name, number = '', ...aliases] of fieldsOf(await textOf(process, '/etc/protocols'))) {
    if (/^\d+$/.test(number)) list.push({ name, aliases, proto: Number(number) });
  }
  return list;
}

/** getprotobyname(3): the protocol of this name or alias; null when there is none. */
export async function getprotobyname(process: NameProcess, name: string): Promise<Protoent | null> {
  mustBeProcess('getprotobyname', process);
  readText('getprotobyname: name', name);
  return (await protocols(process)).find((entry) => entry.name === name || entry.aliases.includes(name)) ?? null;
}

/** getprotobynumber(3): null when there is none. */
export async function getprotobynumber(process: NameProcess, proto: number): Promise<Protoent | null> {
  mustBeProcess('getprotobynumber', process);
  readNumber('getprotobynumber: proto', proto);
  return (await protocols(process)).find((entry) => entry.proto === proto) ?? null;
}
