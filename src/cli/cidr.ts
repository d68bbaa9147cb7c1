/**
 * Addresses with their prefix length as options give them: 192.0.2.1/24, 2001:db8::1/64. Beyond what base reads, they
 * must be such as a host can have on a device.
 */
import { type Cidr, parseCidr } from '../base/inet-address.ts';
import { UsageError } from './options.ts';

/** Reads one; `option` is named in the complaint. */
export function hostCidr(option: string, text: string): Cidr {
  const cidr = parseCidr(text);
  // Without a length it would be the address alone, which is never what was meant; with 0 it would be the whole world.
  if (cidr === null || !text.includes('/') || cidr.prefixLength === 0) {
    throw new UsageError(`${option} takes an address with its prefix length, such as 192.0.2.1/24, not '${text}'`);
  }
  const { address } = cidr;
  const isHostAddress = !address.isMulticast && !address.isUnspecified && !address.isLoopback && !address.isBroadcast;
  if (!isHostAddress) throw new UsageError(`${address} cannot be the address of a host on a device`);
  return cidr;
}
