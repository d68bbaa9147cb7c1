/**
 * From an Ethernet type to the printer of that protocol.
 *
 * Called by ethernet.ts, llc.ts (SNAP) and cooked.ts.
 */
import { printArp } from './arp.ts';
import type { Dissection } from './dissection.ts';
import { printIpv4 } from './ipv4.ts';
import { printIpv6 } from './ipv6.ts';
import { EtherType } from './protocol-names.ts';

/** False when nobody here can put that type into words. */
export function printEtherPayload(d: Dissection, type: number, at: number, length: number, captured: number): boolean {
  switch (type) {
    case EtherType.Ipv4:
      printIpv4(d, at, length);
      return true;
    case EtherType.Ipv6:
      printIpv6(d, at, length);
      return true;
    case EtherType.Arp:
    case EtherType.ReverseArp:
      printArp(d, at, length, captured);
      return true;
    default:
      return false;
  }
}
