/**
 * Names for the addresses in printed packets, as the resolver gives them.
 *
 * The printer cannot wait, and the resolver may have to: so a packet is printed once to learn which addresses it names, by a
 * printer of its own, these are looked up, and then it is printed. Called by tcpdump.ts.
 */
import { getnameinfo } from '../../api/posix/getnameinfo.ts';
import { GaiError } from '../../api/posix/gai-error.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { NI_NAMEREQD } from '../../api/posix/netdb-constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../api/posix/sockaddr.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { type Names, type TcpdumpOptions, TcpdumpPrinter } from '../../capture/tcpdump-printer.ts';

/** Addresses remembered; beyond, all are forgotten. */
const MOST_ADDRESSES = 4096;

export class HostNames implements Names {
  private readonly process: NameProcess;
  private readonly ports: ReadonlyMap<string, string>;
  private readonly known = new Map<string, string>();
  private readonly missing = new Set<string>();
  private readonly scout: TcpdumpPrinter;

  constructor(process: NameProcess, ports: ReadonlyMap<string, string>, options: TcpdumpOptions) {
    this.process = process;
    this.ports = ports;
    this.scout = new TcpdumpPrinter({ ...options, names: this, dump: 'none' });
  }

  host(address: string): string {
    const name = this.known.get(address);
    if (name !== undefined) return name;
    this.missing.add(address);
    return address;
  }

  port(protocol: 'tcp' | 'udp', port: number): string {
    return this.ports.get(`${port}/${protocol}`) ?? String(port);
  }

  /** Looks up what this packet names. */
  async prepare(linkType: number, timeUs: number, bytes: Uint8Array, originalLength: number): Promise<void> {
    this.missing.clear();
    if (this.known.size > MOST_ADDRESSES) this.known.clear();
    this.scout.format(linkType, timeUs, bytes, originalLength);
    for (const address of [...this.missing]) this.known.set(address, await this.lookUp(address));
  }

  private async lookUp(text: string): Promise<string> {
    const address = IpAddress.parse(text);
    if (address === null) return text;
    try {
      const isV6 = text.includes(':');
      return (await getnameinfo(this.process, isV6 ? sockaddrIn6(text, 0) : sockaddrIn(text, 0), NI_NAMEREQD)).host;
    } catch (error) {
      if (!(error instanceof GaiError)) throw error;
      return text;
    }
  }
}
