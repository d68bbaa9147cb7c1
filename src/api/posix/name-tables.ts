/**
 * The files that names are read from: hosts(5), services(5), protocols(5), as glibc reads them (nss_files): fields between
 * white space, `#` begins a comment, a line that is none is left out.
 */
import { readNumber, readText } from '../../base/arguments.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { Errno } from '../../base/errno.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import { systemError } from './errors.ts';
import { mustBeProcess, type NameProcess } from './name-process.ts';
import { readLines } from './text-file.ts';

/** So many addresses a name has at most: what is found is sorted, each with a socket of its own. An answer of DNS over TCP holds fewer. */
const MOST_ADDRESSES = 4096;

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

/** What `read` makes of the lines' fields; lines that it makes nothing of are left out. */
async function* entriesOf<T>(process: NameProcess, path: string, read: (fields: readonly string[]) => T | null): AsyncGenerator<T> {
  for await (const lines of readLines(process, path)) {
    for (const line of lines) {
      const fields = line.replace(/#.*/s, '').split(/[ \t\r\v\f]+/).filter((field) => field !== '');
      const entry = fields.length > 0 ? read(fields) : null;
      if (entry !== null) yield entry;
    }
  }
}

async function find<T>(entries: AsyncGenerator<T>, fits: (entry: T) => boolean): Promise<T | null> {
  for await (const entry of entries) if (fits(entry)) return entry;
  return null;
}

function hostsLines(process: NameProcess): AsyncGenerator<HostsLine> {
  return entriesOf(process, '/etc/hosts', ([text, ...names]) => {
    const address = IpAddress.parse(text);
    // nss_files takes the address of a line without names for that of the empty name.
    return address === null ? null : { address, isV6: text.includes(':'), names: names.length > 0 ? names : [''] };
  });
}

/** What a line's address is in a family; null when it has none there. */
function inFamily({ address, isV6 }: HostsLine, family: number): HostAddress | null {
  if (family === AF_INET6) return isV6 ? { family, address, scopeId: 0 } : null;
  if (family !== AF_INET) return { family: isV6 ? AF_INET6 : AF_INET, address, scopeId: 0 };
  // nss_files gives ::1 as 127.0.0.1 to who asks for IPv4, and addresses that stand for an IPv4 one as that.
  if (isV6 && address.isLoopback && !address.isV4) return { family, address: IpAddress.fromV4(0x7f000001), scopeId: 0 };
  return address.isV4 ? { family, address, scopeId: 0 } : null;
}

/** All addresses that /etc/hosts has for a name in `family` (AF_UNSPEC: in both); null when it has none. Rejects with ENOMEM beyond 4,096. */
export async function hostByName(process: NameProcess, name: string, family: number): Promise<HostEntry | null> {
  const key = name.toLowerCase();
  let canonical: string | null = null;
  const addresses: HostAddress[] = [];
  for await (const line of hostsLines(process)) {
    if (!line.names.some((other) => other.toLowerCase() === key)) continue;
    const address = inFamily(line, family);
    if (address === null) continue;
    canonical ??= line.names[0];
    if (addresses.length === MOST_ADDRESSES) throw systemError(Errno.ENOMEM, 'gethostbyname');
    addresses.push(address);
  }
  return canonical === null ? null : { canonical, addresses };
}

/** The name that /etc/hosts has for an address; null when it has none. */
export async function hostByAddress(process: NameProcess, family: number, address: IpAddress): Promise<string | null> {
  const line = await find(hostsLines(process), (each) => inFamily(each, family)?.address.equals(address) === true);
  return line === null ? null : line.names[0];
}

function services(process: NameProcess): AsyncGenerator<Servent> {
  return entriesOf(process, '/etc/services', ([name, where = '', ...aliases]) => {
    const parts = /^(\d+)\/(.+)$/.exec(where);
    return parts === null ? null : { name, aliases, port: Number(parts[1]) & 0xffff, proto: parts[2] };
  });
}

/** getservbyname(3): the service of this name or alias, of any protocol when `proto` is null; null when there is none. */
export async function getservbyname(process: NameProcess, name: string, proto: string | null): Promise<Servent | null> {
  mustBeProcess('getservbyname', process);
  readText('getservbyname: name', name);
  if (proto !== null) readText('getservbyname: proto', proto);
  const fits = (entry: Servent): boolean => proto === null || entry.proto === proto;
  return find(services(process), (entry) => fits(entry) && (entry.name === name || entry.aliases.includes(name)));
}

/** getservbyport(3): the service of a port, which is in host order (C: in network order); null when there is none. */
export async function getservbyport(process: NameProcess, port: number, proto: string | null): Promise<Servent | null> {
  mustBeProcess('getservbyport', process);
  readNumber('getservbyport: port', port);
  if (proto !== null) readText('getservbyport: proto', proto);
  return find(services(process), (entry) => entry.port === port && (proto === null || entry.proto === proto));
}

function protocols(process: NameProcess): AsyncGenerator<Protoent> {
  return entriesOf(process, '/etc/protocols', ([name, number = '', ...aliases]) =>
    (/^\d+$/.test(number) ? { name, aliases, proto: Number(number) } : null));
}

/** getprotobyname(3): the protocol of this name or alias; null when there is none. */
export async function getprotobyname(process: NameProcess, name: string): Promise<Protoent | null> {
  mustBeProcess('getprotobyname', process);
  readText('getprotobyname: name', name);
  return find(protocols(process), (entry) => entry.name === name || entry.aliases.includes(name));
}

/** getprotobynumber(3): null when there is none. */
export async function getprotobynumber(process: NameProcess, proto: number): Promise<Protoent | null> {
  mustBeProcess('getprotobynumber', process);
  readNumber('getprotobynumber: proto', proto);
  return find(protocols(process), (entry) => entry.proto === proto);
}
