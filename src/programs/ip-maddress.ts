/** `ip maddress`: the multicast groups that interfaces listen to, from /proc/net as iproute2 reads them (ip-maddress(8)). */
import { AF_INET, AF_INET6, AF_PACKET, AF_UNSPEC } from '../api/posix/constants.ts';
import { IpAddress } from '../base/inet-address.ts';
import { begins, type IpClient, IpFailure, macWords, Words } from './ip-client.ts';

interface Group {
  readonly index: number;
  readonly device: string;
  /** `link`, `inet` or `inet6`. */
  readonly kind: string;
  readonly address: string;
  readonly users: number;
}

export async function ipMaddress(client: IpClient, args: readonly string[]): Promise<number> {
  const [command = 'show', ...rest] = args;
  if (begins(command, 'add', 'delete')) {
    throw new IpFailure(`Error: "${command}" is not there: what a link listens to follows from the groups of its host.`, 255);
  }
  if (begins(command, 'show', 'lst', 'list')) return show(client, new Words(rest));
  if (begins(command, 'help')) throw new IpFailure(MADDRESS_HELP, 255);
  throw new IpFailure(`Command "${command}" is unknown, try "ip maddr help".`, 255);
}

async function show(client: IpClient, words: Words): Promise<number> {
  let device: string | null = null;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word !== 'dev' && begins(word, 'help')) throw new IpFailure(MADDRESS_HELP, 255);
    const given = word === 'dev' ? words.need() : word;
    if (device !== null) throw new IpFailure(`Error: either "dev" is duplicate, or "${given}" is a garbage.`, 255);
    device = given;
  }
  const { family, isOneLine } = client.options;
  const groups: Group[] = [];
  if (family === AF_UNSPEC || family === AF_PACKET) groups.push(...linkGroups(await client.text('/proc/net/dev_mcast')));
  if (family === AF_UNSPEC || family === AF_INET) groups.push(...groups4(await client.text('/proc/net/igmp')));
  if (family === AF_UNSPEC || family === AF_INET6) groups.push(...groups6(await client.text('/proc/net/igmp6')));
  let text = '';
  let last = 0;
  const shown = groups.filter((group) => device === null || group.device === device).sort((a, b) => a.index - b.index);
  for (const { index, device: name, kind, address, users } of shown) {
    if (index !== last || isOneLine) text += `${index}:\t${name}${isOneLine ? '\\' : '\n'}`;
    last = index;
    text += `\t${kind.padEnd(5)} ${address}${users === 1 ? '' : ` users ${users}`}\n`;
  }
  await client.write(text);
  return 0;
}

/** `2    eth0            1     0     01005e000001`. */
function linkGroups(text: string): Group[] {
  return fields(text).map(([index = '', device = '', users = '', , address = '']) => ({
    index: Number(index), device, kind: 'link', address: macWords(bytesOf(address)), users: Number(users),
  }));
}

/** Lines of interfaces, and of their groups behind them: words of memory, which is little-endian. */
function groups4(text: string): Group[] {
  const groups: Group[] = [];
  let [index, device] = [0, ''];
  for (const line of text.split('\n').slice(1)) {
    const words = line.trim().split(/\s+/);
    if (!line.startsWith('\t')) [index, device] = [Number(words[0]), words[1] ?? ''];
    else if (words.length > 1) {
      const address = String(IpAddress.fromBytes(bytesOf(words[0] as string).reverse()));
      groups.push({ index, device: device.replace(/:$/, ''), kind: 'inet', address, users: Number(words[1]) });
    }
  }
  return groups;
}

/** `2    eth0            ff020000000000000000000000000001     1 0000000C 0`. */
function groups6(text: string): Group[] {
  return fields(text).map(([index = '', device = '', address = '', users = '']) => ({
    index: Number(index), device, kind: 'inet6', address: String(IpAddress.fromBytes(bytesOf(address))), users: Number(users),
  }));
}

function fields(text: string): string[][] {
  return text.split('\n').filter((line) => line !== '').map((line) => line.trim().split(/\s+/));
}

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const MADDRESS_HELP = 'Usage: ip maddr [ show ] [ [ dev ] DEVICE ]';
