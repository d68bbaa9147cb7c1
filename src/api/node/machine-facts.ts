/** What node:os tells of the network, of the host that the program runs on: os.networkInterfaces and os.hostname. */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { IpAddress } from '../../base/inet-address.ts';
import { NodeProgram } from './node-program.ts';

export function installMachineFacts(): void {
  const { hostname, networkInterfaces } = os;
  os.hostname = () => NodeProgram.current()?.kernel.hostname() ?? hostname();
  os.networkInterfaces = () => {
    const program = NodeProgram.current();
    return program === null ? networkInterfaces() : interfacesOf(program);
  };
  syncBuiltinESMExports();
}

/** In the words of Node: interfaces that are up, with their addresses, IPv4 first. */
function interfacesOf(program: NodeProgram): NodeJS.Dict<os.NetworkInterfaceInfo[]> {
  const told: NodeJS.Dict<os.NetworkInterfaceInfo[]> = {};
  for (const { addresses, index, isUp, macHi, macLo, name } of program.kernel.interfaces()) {
    if (!isUp) continue;
    for (const isV4 of [true, false]) {
      for (const { address, isLinkLocal, prefixLength, isV4: isOfV4 } of addresses) {
        if (isOfV4 !== isV4) continue;
        const list = (told[name] ??= []);
        const common = {
          address, netmask: maskOf(prefixLength, isV4), mac: macOf(macHi, macLo),
          internal: name === 'lo', cidr: `${address}/${prefixLength}`,
        };
        if (isV4) list.push({ ...common, family: 'IPv4' });
        else list.push({ ...common, family: 'IPv6', scopeid: isLinkLocal ? index : 0 });
      }
    }
  }
  return told;
}

function maskOf(prefixLength: number, isV4: boolean): string {
  const bytes = new Uint8Array(isV4 ? 4 : 16);
  for (let bit = 0; bit < prefixLength; bit++) bytes[bit >> 3] = (bytes[bit >> 3] as number) | (0x80 >> (bit & 7));
  return IpAddress.fromBytes(bytes).toString();
}

function macOf(hi: number, lo: number): string {
  const digits = hi.toString(16).padStart(4, '0') + (lo >>> 0).toString(16).padStart(8, '0');
  return (digits.match(/../g) as string[]).join(':');
}
