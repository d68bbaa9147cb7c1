/**
 * Names in a world: each host's /etc/hosts has the names of all hosts of its world, as they are whenever somebody opens it.
 *
 * Called by world.ts. A host whose /etc/hosts is written by its world's program (`host.writeFile`), or by a program of its
 * own, keeps what was written.
 */
import { networkOf, parseCidr } from '../base/inet-address.ts';
import type { Host } from '../host.ts';

/** What is told of a host's addresses under its name. */
export interface NameOptions {
  /** IPv6 addresses too. False: those alone that have no IPv4 address, so that a name has one family (as with Docker). */
  readonly ipv6?: boolean;
}

export class WorldNames {
  private readonly hosts: readonly Host[];
  includesIpv6 = false;

  constructor(hosts: readonly Host[]) {
    this.hosts = hosts;
  }

  /** The host's names are the world's from now on. */
  provideFor(host: Host): void {
    host.provideFile('/etc/hosts', () => this.textFor(host));
  }

  private textFor(reader: Host): string {
    const lines = ['127.0.0.1\tlocalhost'];
    const near = reader.addresses().map(networkWords);
    for (const host of this.hosts) {
      const addresses = this.addressesOf(host);
      if (host === reader && addresses.length === 0) lines.push(`127.0.1.1\t${host.name}`);
      // What the reader shares a network with comes first: the other addresses may be behind somebody else.
      const isNear = (cidr: string): boolean => near.includes(networkWords(cidr));
      const sorted = [...addresses.filter(isNear), ...addresses.filter((cidr) => !isNear(cidr))];
      for (const cidr of sorted) lines.push(`${cidr.split('/')[0]}\t${host.name}`);
    }
    lines.push('::1\tlocalhost ip6-localhost ip6-loopback', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters');
    return `${lines.join('\n')}\n`;
  }

  /** Those that others can reach it at. */
  private addressesOf(host: Host): string[] {
    const all = host.addresses().filter((cidr) => !cidr.startsWith('127.') && !cidr.startsWith('fe80:') && !cidr.startsWith('::1/'));
    const v4 = all.filter((cidr) => !cidr.includes(':'));
    return this.includesIpv6 || v4.length === 0 ? all : v4;
  }
}

/** The network of an address, in words that are equal for its members. */
function networkWords(cidr: string): string {
  const parsed = parseCidr(cidr);
  return parsed === null ? cidr : `${networkOf(parsed.address, parsed.prefixLength)}/${parsed.prefixLength}`;
}
