/** `ip link`: links are shown, go up and down, and get another MTU (ip-link(8)); how `ip address` shows them too. */
import { AF_INET6, AF_PACKET, AF_UNSPEC } from '../api/posix/constants.ts';
import { IFF_LOWER_UP, IFLA, NLM_F, OPERSTATE, RTM } from '../api/posix/netlink.ts';
import { type Answer, begins, type IpClient, IpFailure, macWords, numberOf, Words } from './ip-client.ts';

const INDEX = 4, FLAGS = 8, TYPE = 2;
const IFF_UP = 1, IFF_RUNNING = 0x40, IFF_PROMISC = 0x100;
/** In the order in which they are printed. */
const FLAG_WORDS: readonly (readonly [number, string])[] = [
  [0x8, 'LOOPBACK'], [0x2, 'BROADCAST'], [0x10, 'POINTOPOINT'], [0x1000, 'MULTICAST'], [0x80, 'NOARP'], [0x200, 'ALLMULTI'],
  [IFF_PROMISC, 'PROMISC'], [IFF_UP, 'UP'], [IFF_LOWER_UP, 'LOWER_UP'],
];
const STATES: Readonly<Record<number, string>> = {
  [OPERSTATE.UNKNOWN]: 'UNKNOWN', [OPERSTATE.DOWN]: 'DOWN', [OPERSTATE.LOWERLAYERDOWN]: 'LOWERLAYERDOWN', [OPERSTATE.UP]: 'UP',
};
/** ARPHRD_ETHER and ARPHRD_LOOPBACK. */
const HARDWARE: Readonly<Record<number, string>> = { 1: 'ether', 772: 'loopback' };

export function indexOfLink(link: Answer): number {
  return link.head.getInt32(INDEX, true);
}

export function isUp(link: Answer): boolean {
  return (link.head.getUint32(FLAGS, true) & IFF_UP) !== 0;
}

function flagWords(link: Answer): string {
  const flags = link.head.getUint32(FLAGS, true);
  const noCarrier = (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) === 0 ? ['NO-CARRIER'] : [];
  return `<${[...noCarrier, ...FLAG_WORDS.filter(([flag]) => (flags & flag) !== 0).map(([, word]) => word)].join(',')}>`;
}

function stateWord(link: Answer): string {
  return STATES[link.uint8(IFLA.OPERSTATE) ?? 0] ?? 'UNKNOWN';
}

function mac(link: Answer, type: number): string {
  return macWords(link.attributes.get(type) ?? new Uint8Array(0));
}

/** Its line of `-brief`, without the addresses or flags that end it. */
export function briefHead(link: Answer): string {
  return `${(link.text(IFLA.IFNAME) ?? '').padEnd(16)} ${stateWord(link).padEnd(14)} `;
}

export function briefLink(link: Answer): string {
  return `${briefHead(link)}${mac(link, IFLA.ADDRESS)} ${flagWords(link)} \n`;
}

/** The lines of a link; `newline` is a backslash in one-line output. `withMode` as `ip link` has them. */
export function linkLines(client: IpClient, link: Answer, newline: string, withMode: boolean): string {
  const { family, hasDetails } = client.options;
  const isFor6 = family === AF_INET6;
  const queue = link.uint32(IFLA.TXQLEN) ?? 0;
  const mode = withMode ? ' mode DEFAULT' : '';
  let text = `${indexOfLink(link)}: ${link.text(IFLA.IFNAME) ?? ''}: ${flagWords(link)} mtu ${link.uint32(IFLA.MTU) ?? 0}`;
  text += isFor6 ? ` state ${stateWord(link)}${mode}` : ` qdisc ${link.text(IFLA.QDISC) ?? ''} state ${stateWord(link)}${mode} group default`;
  if (queue > 0) text += ` qlen ${queue}`;
  const showsHardware = family === AF_UNSPEC || family === AF_PACKET || withMode;
  if (showsHardware) {
    const kind = HARDWARE[link.head.getUint16(TYPE, true)] ?? `[${link.head.getUint16(TYPE, true)}]`;
    text += `${newline}    link/${kind} ${mac(link, IFLA.ADDRESS)} brd ${mac(link, IFLA.BROADCAST)}`;
  }
  if (hasDetails) {
    text += ` promiscuity ${link.uint32(IFLA.PROMISCUITY) ?? 0} minmtu ${link.uint32(IFLA.MIN_MTU) ?? 0} maxmtu ${link.uint32(IFLA.MAX_MTU) ?? 0}`;
    text += ` numtxqueues ${link.uint32(IFLA.NUM_TX_QUEUES) ?? 1} numrxqueues ${link.uint32(IFLA.NUM_RX_QUEUES) ?? 1}`;
  }
  return text;
}

const WIDTHS: readonly number[] = [10, 7, 6, 7, 7, 7];

/** What a link has received and sent (`-statistics`). */
export function statisticsLines(link: Answer, newline: string): string {
  const value = link.attributes.get(IFLA.STATS64);
  if (value === undefined) return '';
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const count = (i: number): number => view.getUint32(i * 8, true) + view.getUint32(i * 8 + 4, true) * 4294967296;
  const row = (title: string, names: readonly string[], places: readonly number[]): string => {
    const words = places.map((place) => String(count(place)));
    const widths = WIDTHS.map((least, i) => Math.max(least, (words[i] as string).length));
    const line = (cells: readonly string[], indent: number): string => (
      cells.map((cell, i) => cell.padStart((widths[i] as number) - (i === 0 ? indent : 0))).join(' ')
    );
    // The last column stands for frames that were compressed, which nobody does.
    return `${newline}    ${title}: ${line(names, 4)} ${' '.repeat(10)}${newline}    ${line(words, 0)} `;
  };
  return row('RX', ['bytes', 'packets', 'errors', 'dropped', 'missed', 'mcast'], [2, 0, 4, 6, 13, 8])
    + row('TX', ['bytes', 'packets', 'errors', 'dropped', 'carrier', 'collsns'], [3, 1, 5, 7, 16, 9]);
}

export async function ipLink(client: IpClient, args: readonly string[]): Promise<number> {
  const [command = 'show', ...rest] = args;
  if (begins(command, 'add')) return addLink(client, new Words(rest));
  if (begins(command, 'set', 'change')) return setLink(client, new Words(rest));
  if (begins(command, 'delete')) return deleteLink(client, new Words(rest));
  if (begins(command, 'show', 'lst', 'list')) return showLinks(client, new Words(rest));
  if (begins(command, 'help')) throw new IpFailure(LINK_HELP, 255);
  throw new IpFailure(`Command "${command}" is unknown, try "ip link help".`, 255);
}

async function showLinks(client: IpClient, words: Words): Promise<number> {
  let name: string | null = null;
  let onlyUp = false;
  let isOther = false;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'up') onlyUp = true;
    // There are no links that a program made, and none that belong to others.
    else if (word === 'type' || word === 'master' || word === 'vrf') isOther = words.need() !== '';
    else if (word === 'nomaster') continue;
    else if (word === 'group') isOther = words.need() !== 'default';
    else name = word === 'dev' ? words.need() : word;
  }
  const { isBrief, isOneLine, hasStatistics } = client.options;
  const newline = isOneLine ? '\\' : '\n';
  const missing = (which: string): IpFailure => new IpFailure(`Device "${which}" does not exist.`, 1);
  const index = name === null ? 0 : await client.indexOf(name, missing);
  let text = '';
  for (const link of await client.links()) {
    if ((index !== 0 && indexOfLink(link) !== index) || (onlyUp && !isUp(link)) || isOther) continue;
    if (isBrief) text += briefLink(link);
    else text += `${linkLines(client, link, newline, true)}${hasStatistics ? statisticsLines(link, newline) : ''}\n`;
  }
  await client.write(text);
  return 0;
}

async function setLink(client: IpClient, words: Words): Promise<number> {
  let name: string | null = null;
  let mtu: number | null = null;
  let flags = 0;
  let mask = 0;
  const flag = (bit: number, on: boolean): void => {
    mask |= bit;
    flags = on ? flags | bit : flags & ~bit;
  };
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'up' || word === 'down') flag(IFF_UP, word === 'up');
    else if (word === 'mtu') mtu = numberOf(words.need(), 'Invalid "mtu" value');
    else if (word === 'promisc') flag(IFF_PROMISC, onOrOff(word, words.need()));
    else if (begins(word, 'help')) throw new IpFailure(LINK_HELP, 255);
    else if (NOT_THERE.has(word)) throw new IpFailure(`Error: "${word}" cannot be changed here.`, 255);
    else {
      const given = word === 'dev' ? words.need() : word;
      if (name !== null) throw new IpFailure(`Error: either "dev" is duplicate, or "${given}" is a garbage.`, 255);
      name = given;
    }
  }
  if (name === null) throw new IpFailure('Not enough information: "dev" argument is required.', 255);
  const index = await client.indexOf(name);
  await client.change(RTM.NEWLINK, 0, (to) => {
    to.uint8(AF_UNSPEC).uint8(0).uint16(0).uint32(index).uint32(flags).uint32(mask);
    if (mtu !== null) to.attributeUint32(IFLA.MTU, mtu);
  });
  return 0;
}

/** What ip(8) can change, and this one cannot. */
const NOT_THERE: ReadonlySet<string> = new Set(['address', 'broadcast', 'name', 'txqueuelen', 'qlen', 'arp', 'multicast', 'netns', 'alias', 'master']);

function onOrOff(option: string, word: string): boolean {
  if (word === 'on' || word === 'off') return word === 'on';
  throw new IpFailure(`Error: argument of "${option}" must be "on" or "off", not "${word}"`, 1);
}

async function addLink(client: IpClient, words: Words): Promise<number> {
  let name = '';
  let kind: string | null = null;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'type') {
      kind = words.need();
      break;
    }
    name = word === 'name' || word === 'dev' ? words.need() : word;
  }
  if (kind === null) throw new IpFailure('Not enough information: "type" argument is required', 1);
  const known = new TextEncoder().encode(kind);
  await client.change(RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, (to) => {
    to.uint8(AF_UNSPEC).uint8(0).uint16(0).uint32(0).uint32(0).uint32(0).attributeText(IFLA.IFNAME, name);
    const at = to.beginNest(IFLA.LINKINFO);
    to.attribute(1, known).endNest(at);
  });
  return 0;
}

async function deleteLink(client: IpClient, words: Words): Promise<number> {
  const first = words.need();
  const index = await client.indexOf(first === 'dev' ? words.need() : first);
  await client.change(RTM.DELLINK, 0, (to) => to.uint8(AF_UNSPEC).uint8(0).uint16(0).uint32(index).uint32(0).uint32(0));
  return 0;
}

const LINK_HELP = `usage: ip link [show] [[dev] DEVICE] [up]
       ip link set [dev] DEVICE [up | down] [mtu BYTES] [promisc on | off]`;
