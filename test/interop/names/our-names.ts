/** Answers the same lines as linux-names.c, with the calls of a process of ours. */
import { AF_INET } from '../../../src/api/posix/constants.ts';
import { GaiError, gai_strerror } from '../../../src/api/posix/gai-error.ts';
import { getaddrinfo } from '../../../src/api/posix/getaddrinfo.ts';
import { getnameinfo } from '../../../src/api/posix/getnameinfo.ts';
import { if_indextoname, if_nametoindex } from '../../../src/api/posix/ifaddrs.ts';
import { getprotobyname, getprotobynumber, getservbyname, getservbyport } from '../../../src/api/posix/name-tables.ts';
import type { Process } from '../../../src/api/posix/process.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../../../src/api/posix/sockaddr.ts';

/** One line's answer. */
export async function ourNames(process: Process, line: string): Promise<string> {
  const [call, ...words] = line.split('\t');
  try {
    return await answer(process, call, words.map((text) => (text === '-' ? null : text === "''" ? '' : text)));
  } catch (error) {
    if (error instanceof GaiError) return `error ${error.errno}`;
    throw error;
  }
}

async function answer(process: Process, call: string, words: readonly (string | null)[]): Promise<string> {
  const [first = null, second = null] = words;
  switch (call) {
    case 'getaddrinfo': {
      const [flags, family, socktype, protocol] = words.slice(2).map(Number);
      const hints = words[2] === null ? null : { flags, family, socktype, protocol };
      const list = await getaddrinfo(process, first, second, hints);
      const shown: string[] = [];
      for (const { family: own, socktype: type, protocol: number, addr, canonname } of list) {
        shown.push(`${own}/${type}/${number} ${await addressText(process, addr)}${canonname === null ? '' : ` (${canonname})`}`);
      }
      return shown.join(' ');
    }
    case 'getnameinfo': {
      const [address, scope] = (first as string).split('%');
      const scopeId = scope === undefined ? 0 : (await if_nametoindex(process, scope)) || Number(scope);
      const port = Number(second);
      const addr = address.includes(':') ? sockaddrIn6(address, port, scopeId) : sockaddrIn(address, port);
      const { host, service } = await getnameinfo(process, addr, Number(words[2]));
      return `${host} ${service}`;
    }
    case 'gai_strerror':
      return gai_strerror(Number(first));
    case 'if_nametoindex': {
      const index = await if_nametoindex(process, first as string);
      return index === 0 ? 'none' : String(await if_indextoname(process, index));
    }
    case 'getservbyname':
    case 'getservbyport': {
      const entry = call === 'getservbyname'
        ? await getservbyname(process, first as string, second)
        : await getservbyport(process, Number(first), second);
      return entry === null ? 'none' : [entry.name, entry.port, entry.proto, ...entry.aliases].join(' ');
    }
    default: {
      const entry = call === 'getprotobyname'
        ? await getprotobyname(process, first as string)
        : await getprotobynumber(process, Number(first));
      return entry === null ? 'none' : [entry.name, entry.proto, '-', ...entry.aliases].join(' ');
    }
  }
}

async function addressText(process: Process, addr: Uint8Array): Promise<string> {
  const read = readSockaddr(addr);
  if (read === null) return 'no address';
  if (read.family === AF_INET) return `${read.address}:${read.port}`;
  // As inet_ntop writes it: an address that stands for an IPv4 one with its prefix.
  const text = read.address.includes(':') ? read.address : `::ffff:${read.address}`;
  const scope = read.scopeId === 0 ? '' : `%${(await if_indextoname(process, read.scopeId)) ?? read.scopeId}`;
  return `[${text}${scope}]:${read.port}`;
}
