/**
 * The routes of a world with routers (`world.router`): everybody reaches everybody, by the fewest routers, without a word.
 *
 * Called by world.ts whenever a cable is plugged in. Hosts get a default route by the first router that they have a cable to,
 * and a route of its own to each network that another router of theirs is nearer to; routers get one to each network that is
 * not theirs. Routes that are there already stay: what a program has configured itself goes first.
 */
import { type Cidr, networkOf, parseCidr } from '../base/inet-address.ts';
import type { Host } from '../host.ts';
import type { Device } from '../link/device.ts';
import type { Switch } from '../link/switch.ts';

/** What hears each other without a router: the two ends of a cable, or the hosts of a switch. */
class Link {
  readonly members: Map<Host, Device> = new Map();
}

/** A way that was laid, by its words. */
interface Laid {
  readonly to: string;
  readonly via: string;
}

export class WorldRoutes {
  private readonly routers: Set<Host> = new Set();
  private readonly links: Link[] = [];
  private readonly bySwitch: Map<Switch, Link> = new Map();
  private readonly laid: Map<Host, Map<string, Laid>> = new Map();
  private readonly hosts: readonly Host[];

  constructor(hosts: readonly Host[]) {
    this.hosts = hosts;
  }

  add(router: Host): void {
    this.routers.add(router);
    router.sysctl('net.ipv4.ip_forward', 1);
    router.sysctl('net.ipv6.conf.all.forwarding', 1);
  }

  /** A cable was plugged in: `ends` are its hosts and their devices, `switches` what is at the other ends. */
  plugged(ends: readonly (readonly [Host, Device])[], switches: readonly Switch[]): void {
    const link = this.linkOf(switches);
    for (const [host, device] of ends) link.members.set(host, device);
    if (this.routers.size === 0) return;
    // With one router nothing of what lies elsewhere changes for anybody.
    this.update(this.routers.size === 1 ? [...link.members.keys()] : this.hosts);
  }

  private linkOf(switches: readonly Switch[]): Link {
    const known = [...new Set(switches.map((one) => this.bySwitch.get(one)).filter((link) => link !== undefined))];
    const link = known[0] ?? new Link();
    if (known.length === 0) this.links.push(link);
    // Two switches were joined.
    for (const other of known.slice(1)) {
      for (const [host, device] of other.members) link.members.set(host, device);
      this.links.splice(this.links.indexOf(other), 1);
      for (const [one, its] of this.bySwitch) if (its === other) this.bySwitch.set(one, link);
    }
    for (const one of switches) this.bySwitch.set(one, link);
    return link;
  }

  private update(hosts: readonly Host[]): void {
    for (const host of hosts) {
      if (host.isDown) continue;
      const wanted = this.waysOf(host);
      const laid = this.laid.get(host) ?? new Map<string, Laid>();
      this.laid.set(host, laid);
      for (const [key, { to, via }] of [...laid]) {
        if (wanted.has(key)) continue;
        host.deleteRoute(to, { via });
        laid.delete(key);
      }
      for (const [key, way] of wanted) {
        if (laid.has(key) || host.addRoute(way.to, { via: way.via }) < 0) continue;
        laid.set(key, way);
      }
    }
  }

  /** By key; breadth first, in the order in which cables were plugged in. */
  private waysOf(host: Host): Map<string, Laid> {
    const ways = new Map<string, Laid>();
    const isRouter = this.routers.has(host);
    const near = this.links.filter((link) => link.members.has(host));
    const known = new Set(near.flatMap((link) => networksOf(link)));
    const reached = new Set<Host>([host]);
    let round: { router: Host; first: Link; hop: Host }[] = [];
    for (const first of near) {
      for (const router of first.members.keys()) {
        if (!this.routers.has(router) || reached.has(router)) continue;
        reached.add(router);
        round.push({ router, first, hop: router });
      }
    }
    const usual = round[0];
    const lay = (to: string, first: Link, hop: Host, isV4: boolean): void => {
      const via = gateway(first, host, hop, isV4);
      if (via !== null) ways.set(`${to} ${via}`, { to, via });
    };
    if (!isRouter && usual !== undefined) {
      lay('0.0.0.0/0', usual.first, usual.hop, true);
      lay('::/0', usual.first, usual.hop, false);
    }
    while (round.length > 0) {
      const next: typeof round = [];
      for (const { router, first, hop } of round) {
        for (const link of this.links) {
          if (!link.members.has(router)) continue;
          for (const network of networksOf(link)) {
            if (known.has(network)) continue;
            known.add(network);
            if (isRouter || hop !== usual?.hop) lay(network, first, hop, !network.includes(':'));
          }
          for (const further of link.members.keys()) {
            if (!this.routers.has(further) || reached.has(further)) continue;
            reached.add(further);
            next.push({ router: further, first, hop });
          }
        }
      }
      round = next;
    }
    return ways;
  }
}

/** The addresses of a host on a device, link-local ones not counted. */
function cidrsOf(host: Host, device: Device): Cidr[] {
  return host.addresses(device).filter((words) => !words.startsWith('fe80:')).map((words) => parseCidr(words) as Cidr);
}

function networkWords({ address, prefixLength }: Cidr): string {
  return `${networkOf(address, prefixLength)}/${prefixLength}`;
}

function networksOf(link: Link): string[] {
  return [...new Set([...link.members].flatMap(([host, device]) => cidrsOf(host, device).map(networkWords)))];
}

/** The address of `hop` on the link that is in a network of `host`'s there. */
function gateway(link: Link, host: Host, hop: Host, isV4: boolean): string | null {
  const own = new Set(cidrsOf(host, link.members.get(host) as Device).map(networkWords));
  const found = cidrsOf(hop, link.members.get(hop) as Device).find((cidr) => cidr.address.isV4 === isV4 && own.has(networkWords(cidr)));
  return found === undefined ? null : String(found.address);
}
