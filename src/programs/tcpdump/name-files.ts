/**
 * Names for filters and for printing, from the files of /etc: services, hosts, networks, protocols, ethers. Nothing is
 * asked over a network here.
 *
 * Used by tcpdump.ts, with a host's files, and by src/cli/tcpdump.ts, with this machine's.
 */
import type { FilterNames } from '../../bpf/names.ts';

export const NAME_FILES = ['/etc/services', '/etc/hosts', '/etc/networks', '/etc/protocols', '/etc/ethers'] as const;

type Lines = readonly (readonly string[])[];

/** `read` gives a file's text, '' when there is none; asked when the first name is looked up in the file. */
export function namesFromFiles(read: (path: string) => string): FilterNames {
  const tables = new Map<string, Lines>();
  const table = (path: (typeof NAME_FILES)[number]): Lines => {
    let lines = tables.get(path);
    if (lines === undefined) {
      lines = linesOf(read(path));
      tables.set(path, lines);
    }
    return lines;
  };
  // `name value alias ...` in some tables, `value name ...` in others.
  const valueBehind = (line: readonly string[], name: string): string | null =>
    line[0] === name || line.slice(2).includes(name) ? (line[1] ?? null) : null;
  return {
    port: (name, protocol) =>
      first(table('/etc/services'), (line) => {
        const [port, of] = (valueBehind(line, name) ?? '').split('/');
        return of === protocol ? Number(port) : null;
      }),
    host: (name) => {
      const addresses = table('/etc/hosts').filter((line) => line.slice(1).includes(name)).map((line) => line[0]);
      return addresses.length > 0 ? addresses : null;
    },
    network: (name) => first(table('/etc/networks'), (line) => valueBehind(line, name)),
    protocol: (name) => {
      const number = first(table('/etc/protocols'), (line) => valueBehind(line, name));
      return number === null ? null : Number(number);
    },
    ethernetHost: (name) => first(table('/etc/ethers'), (line) => (line[1] === name ? ethernetAddress(line[0]) : null)),
  };
}

/** The names of ports in services(5), by `port/protocol`. */
export function portNames(services: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, port] of linesOf(services)) if (!names.has(port)) names.set(port, name);
  return names;
}

function first<T>(lines: Lines, look: (line: readonly string[]) => T | null): T | null {
  for (const line of lines) {
    const found = look(line);
    if (found !== null) return found;
  }
  return null;
}

function linesOf(text: string): string[][] {
  return text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/)).filter((words) => words.length > 1);
}

function ethernetAddress(text: string): Uint8Array | null {
  const parts = text.split(':').map((part) => (/^[0-9a-fA-F]{1,2}$/.test(part) ? Number.parseInt(part, 16) : -1));
  return parts.length === 6 && !parts.includes(-1) ? Uint8Array.from(parts) : null;
}
