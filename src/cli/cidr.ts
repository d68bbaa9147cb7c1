/**
 * Addresses with their prefix length, as options give them: 192.0.2.1/24, 2001:db8::1/64.
 */
import { IpAddress } from '../base/inet-address.ts';
import { UsageError } from './options.ts';

export class Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;

  constructor(address: IpAddress, prefixLength: number) {
    this.address = address;
    this.prefixLength = prefixLength;
  }

  toString(): string {
    return `${this.address}/${this.prefixLength}`;
  }
}

/** Reads one; `option` is named in the complaint. */
export function parseCidr(option: string, text: string): Cidr {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const address = IpAddress.parse(addressText);
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1;
  if (address === null || rest.length > 0 || length < 1 || length > (address.isV4 ? 32 : 128)) {
    throw new UsageError(`${option} takes an address with its prefix length, such as 192.0.2.1/24, not '${text}'`);
  }
  const isHostAddress = !address.isMulticast && !address.isUnspecified && !address.isLoopback && !address.isBroadcast;
  if (!isHostAddress) throw new UsageError(`${addressText} cannot be the address of a host on a device`);
  return new Cidr(address, length);
}
