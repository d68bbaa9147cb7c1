/**
 * Names for filters from the machine's tables: /etc/services, /etc/hosts, /etc/networks, /etc/protocols, /etc/ethers.
 *
 * Used by tcpdump.ts. Nothing is asked over the network, so a host's name must stand in /etc/hosts.
 */
import { readFileSync } from 'node:fs';
import type { FilterNames } from '../bpf/names.ts';

/** Tables are read when the first name is looked up in them; one that is not there is empty. */
export function machineNames(): FilterNames {
  const services = table('/etc/services');
  const hosts = table('/etc/hosts');
  const networks = table('/etc/networks');
  const protocols = table('/etc/protocols');
  const ethers = table('/etc/ethers');
  // `name value alias ...` in some tables, `value name ...` in others.
  const valueBehind = (line: readonly string[], name: string): string | null =>
    line[0] === name || line.slice(2).includes(name) ? (line[1] ?? null) : null;
  const first = <T>(lines: readonly (readonly string[])[], look: (line: readonly string[]) => T | null): T | null => {
    for (const line of lines) {
      const found = look(line);
      if (found !== null) return found;
    }
    return null;
  };
  return {
    port: (name, protocol) =>
      first(services(), (line) => {
        const [port, of] = (valueBehind(line, name) ?? '').split('/');
        return of === protocol ? Number(port) : null;
      }),
    host: (name) => {
      const addresses = hosts().filter((line) => line.slice(1).includes(name)).map((line) => line[0] as string);
      return addresses.length > 0 ? addresses : null;
    },
    network: (name) => first(networks(), (line) => valueBehind(line, name)),
    protocol: (name) => {
      const number = first(protocols(), (line) => valueBehind(line, name));
      return number === null ? null : Number(number);
    },
    ethernetHost: (name) => first(ethers(), (line) => (line[1] === name ? ethernetAddress(line[0] as string) : null)),
  };
}

function table(path: string): () => readonly (readonly string[])[] {
  let lines: readonly (readonly string[])[] | null = null;
  return () => (lines ??= readTable(path));
}

function readTable(path: string): string[][] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/)).filter((words) => words.length > 1);
}

function ethernetAddress(text: string): Uint8Array | null {
  const parts = text.split(':').map((part) => (/^[0-9a-fA-F]{1,2}$/.test(part) ? Number.parseInt(part, 16) : -1));
  return parts.length === 6 && !parts.includes(-1) ? Uint8Array.from(parts) : null;
}
