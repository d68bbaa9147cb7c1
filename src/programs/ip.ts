/**
 * ip: links, addresses, routes and neighbours, shown and changed by netlink messages (ip(8); its words, output and statuses are
 * those of iproute2). Each object has its file: ip-link.ts, ip-address.ts, ip-maddress.ts, ip-route.ts, ip-neighbour.ts. **Not** there: other
 * objects, JSON, batch files, monitoring.
 */
import { guarded } from './getopt.ts';
import { AF_INET, AF_INET6, AF_PACKET, AF_UNSPEC } from '../api/posix/constants.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';
import { wordsOf } from '../base/thrown.ts';
import { ipAddress } from './ip-address.ts';
import { begins, IpClient, IpFailure, type IpOptions, writeAll } from './ip-client.ts';
import { ipLink } from './ip-link.ts';
import { ipMaddress } from './ip-maddress.ts';
import { ipNeighbour } from './ip-neighbour.ts';
import { ipRoute } from './ip-route.ts';

type Command = (client: IpClient, args: readonly string[]) => Promise<number>;

/** In the order in which shortened words are looked up. */
const OBJECTS: readonly (readonly [string, Command])[] = [
  ['address', ipAddress], ['maddress', ipMaddress], ['route', ipRoute], ['neighbor', ipNeighbour], ['neighbour', ipNeighbour], ['link', ipLink],
];

/** `ip [OPTIONS] OBJECT [COMMAND ...]`: resolves to its exit status. */
export function ip(process: Syscalls, args: readonly string[]): Promise<number> {
  return guarded(process, 'ip', 255, () => run(process, args));
}

async function run(process: Syscalls, args: readonly string[]): Promise<number> {
  const options: IpOptions = { family: AF_UNSPEC, isBrief: false, isOneLine: false, hasStatistics: false, hasDetails: false };
  let client: IpClient | null = null;
  try {
    const rest = readOptions(options, args);
    if (rest === null) {
      await writeAll(process, 1, 'ip of sockscape\n');
      return 0;
    }
    const [object, ...words] = rest;
    if (object === undefined || begins(object, 'help')) throw new IpFailure(IP_USAGE.trimEnd(), 255);
    const found = OBJECTS.find(([name]) => name.startsWith(object));
    if (found === undefined) throw new IpFailure(`Object "${object}" is unknown, try "ip help".`, 1);
    client = new IpClient(process, options);
    return await found[1](client, words);
  } catch (error) {
    await writeAll(process, 2, `${wordsOf(error)}\n`);
    return error instanceof IpFailure ? error.status : 1;
  } finally {
    await client?.close();
  }
}

/** Reads what stands before the object, and returns the rest; null for `-V`. */
function readOptions(options: IpOptions, args: readonly string[]): string[] | null {
  const rest = [...args];
  while (rest[0]?.startsWith('-') === true) {
    const given = rest.shift() as string;
    if (given === '--') break;
    const word = given.startsWith('--') ? given.slice(2) : given.slice(1);
    if (word === '4') options.family = AF_INET;
    else if (word === '6') options.family = AF_INET6;
    else if (word === '0') options.family = AF_PACKET;
    else if (begins(word, 'family')) options.family = familyOf(rest.shift());
    else if (begins(word, 'stats', 'statistics')) options.hasStatistics = true;
    else if (begins(word, 'details')) options.hasDetails = true;
    else if (begins(word, 'oneline')) options.isOneLine = true;
    else if (word.length >= 2 && begins(word, 'brief')) options.isBrief = true;
    else if (begins(word, 'Numeric', 'numeric')) continue;
    else if (begins(word, 'Version')) return null;
    else if (begins(word, 'help')) throw new IpFailure(IP_USAGE.trimEnd(), 255);
    else throw new IpFailure(`Option "${given}" is unknown, try "ip -help".`, 255);
  }
  return rest;
}

function familyOf(word: string | undefined): number {
  if (word === undefined) throw new IpFailure('Command line is not complete. Try option "help"', 255);
  if (word === 'inet') return AF_INET;
  if (word === 'inet6') return AF_INET6;
  if (word === 'link') return AF_PACKET;
  throw new IpFailure(`Error: argument "${word}" is wrong: invalid protocol family\n`, 255);
}

export const IP_USAGE = `usage: ip [-4 | -6 | -0 | -family { inet | inet6 | link }] [-brief] [-oneline] [-statistics] [-details] OBJECT [COMMAND ...]
OBJECT is address, link, maddress, neighbour or route; its commands are told by 'ip OBJECT help'. Words may be shortened.
  ip address [show [dev DEVICE]]           ip address add 192.0.2.1/24 dev eth0
  ip link set eth0 up                      ip link set eth0 mtu 1400
  ip route add default via 192.0.2.254     ip route get 198.51.100.1
  ip maddress show dev eth0                the groups that it listens to
  ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0
`;
