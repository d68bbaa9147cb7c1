/** `ip address`: addresses are shown, added, deleted and flushed (ip-address(8)). */
import { AF_INET, AF_INET6, AF_PACKET, AF_UNSPEC } from '../api/posix/constants.ts';
import { IFA, IFA_F, IFADDRMSG_LEN, NLM_F, type NetlinkWriter, RTM } from '../api/posix/netlink.ts';
import { IpAddress } from '../base/inet-address.ts';
import {
  addressOf, type Answer, begins, familyOf, type IpClient, IpFailure, noDevice, type Prefix, prefixOf, scopeOf, scopeWord, Words, wrong,
} from './ip-client.ts';
import { briefHead, briefLink, indexOfLink, isUp, linkLines, statisticsLines } from './ip-link.ts';

const FAMILY = 0, LENGTH = 1, SCOPE = 3, INDEX = 4;
/** Flags as words, in the order in which they are printed. */
const FLAG_WORDS: readonly (readonly [number, string])[] = [
  [IFA_F.SECONDARY, 'secondary'], [IFA_F.NODAD, 'nodad'], [IFA_F.DADFAILED, 'dadfailed'], [IFA_F.DEPRECATED, 'deprecated'],
  [IFA_F.TENTATIVE, 'tentative'],
];

export async function ipAddress(client: IpClient, args: readonly string[]): Promise<number> {
  const [command = 'show', ...rest] = args;
  const words = new Words(rest);
  if (begins(command, 'add')) return change(client, RTM.NEWADDR, NLM_F.CREATE | NLM_F.EXCL, words);
  if (begins(command, 'change', 'chg')) return change(client, RTM.NEWADDR, NLM_F.REPLACE, words);
  if (begins(command, 'replace')) return change(client, RTM.NEWADDR, NLM_F.CREATE | NLM_F.REPLACE, words);
  if (begins(command, 'delete')) return change(client, RTM.DELADDR, 0, words);
  if (begins(command, 'show', 'lst', 'list')) return show(client, words);
  if (begins(command, 'flush')) return flush(client, words);
  if (begins(command, 'help')) throw new IpFailure(ADDRESS_HELP, 255);
  throw new IpFailure(`Command "${command}" is unknown, try "ip address help".`, 255);
}

// Which addresses.

interface Filter {
  family: number;
  index: number;
  onlyUp: boolean;
  label: string | null;
  scope: number | null;
  to: Prefix | null;
  /** Flags that must be set, and that must not. */
  with: number;
  without: number;
  isOther: boolean;
}

/** What `label` is compared with: an IPv6 address has its interface's name. */
function labelOf(entry: Answer, names: ReadonlyMap<number, string>): string {
  return entry.text(IFA.LABEL) ?? names.get(indexOf(entry)) ?? '';
}

async function readFilter(client: IpClient, words: Words): Promise<Filter> {
  const filter: Filter = {
    family: client.options.family, index: 0, onlyUp: false, label: null, scope: null, to: null, with: 0, without: 0, isOther: false,
  };
  let name: string | null = null;
  for (let word = words.take(); word !== null; word = words.take()) {
    switch (word) {
      case 'to':
        filter.to = prefixOf(words.need(), filter.family);
        filter.family = familyOf(filter.to.address);
        break;
      case 'scope': {
        const scope = words.need();
        filter.scope = scope === 'all' ? null : scopeOf(scope);
        break;
      }
      case 'up': filter.onlyUp = true; break;
      case 'label': filter.label = words.need(); break;
      case 'permanent': filter.with |= IFA_F.PERMANENT; break;
      case 'dynamic': filter.without |= IFA_F.PERMANENT; break;
      case 'secondary': case 'temporary': filter.with |= IFA_F.SECONDARY; break;
      case 'primary': case '-secondary': filter.without |= IFA_F.SECONDARY; break;
      case 'tentative': case 'dadfailed': case 'deprecated': filter.with |= flagOf(word); break;
      case '-tentative': case '-dadfailed': case '-deprecated': filter.without |= flagOf(word.slice(1)); break;
      case 'type': case 'master': case 'vrf': filter.isOther = words.need() !== ''; break;
      case 'nomaster': break;
      case 'group': filter.isOther = words.need() !== 'default'; break;
      default: {
        if (begins(word, 'help')) throw new IpFailure(ADDRESS_HELP, 255);
        const given = word === 'dev' ? words.need() : word;
        if (name !== null) throw new IpFailure(`Error: either "dev" is duplicate, or "${given}" is a garbage.`, 255);
        name = given;
      }
    }
  }
  if (name !== null) filter.index = await client.indexOf(name, (which) => new IpFailure(`Device "${which}" does not exist.`, 1));
  return filter;
}

function flagOf(name: string): number {
  return FLAG_WORDS.find(([, word]) => word === name)?.[0] ?? 0;
}

function flagsOf(entry: Answer): number {
  return entry.uint32(IFA.FLAGS) ?? entry.head.getUint8(2);
}

function indexOf(entry: Answer): number {
  return entry.head.getUint32(INDEX, true);
}

/** IPv4's own address; IPv6's is IFA_ADDRESS. */
function ownAddress(entry: Answer): IpAddress | null {
  return entry.address(IFA.LOCAL) ?? entry.address(IFA.ADDRESS);
}

function isWanted(filter: Filter, entry: Answer, names: ReadonlyMap<number, string>): boolean {
  const flags = flagsOf(entry);
  const own = ownAddress(entry);
  if (filter.family !== AF_UNSPEC && filter.family !== entry.head.getUint8(FAMILY)) return false;
  if (filter.index !== 0 && filter.index !== indexOf(entry)) return false;
  if (filter.scope !== null && filter.scope !== entry.head.getUint8(SCOPE)) return false;
  if ((flags & filter.with) !== filter.with || (flags & filter.without) !== 0) return false;
  if (filter.label !== null && !matchesPattern(filter.label, labelOf(entry, names))) return false;
  const { to } = filter;
  if (to !== null && (own === null || own.isV4 !== to.address.isV4 || !own.isIn(to.address, to.length))) return false;
  return true;
}

/** fnmatch(3) with `*` and `?`. */
function matchesPattern(pattern: string, text: string): boolean {
  const source = [...pattern].map((letter) => (letter === '*' ? '.*' : letter === '?' ? '.' : letter.replace(/[\\^$.|+()[\]{}]/, '\\$&'))).join('');
  return new RegExp(`^${source}$`).test(text);
}

async function dumpAddresses(client: IpClient, family: number): Promise<Answer[]> {
  return client.dump(RTM.GETADDR, IFADDRMSG_LEN, (to) => to.uint8(family).uint8(0).uint8(0).uint8(0).uint32(0));
}

// Showing them.

async function show(client: IpClient, words: Words): Promise<number> {
  const filter = await readFilter(client, words);
  const { isBrief, isOneLine, hasStatistics } = client.options;
  const links = await client.links();
  const isLinksAlone = filter.family === AF_PACKET;
  const entries = isLinksAlone ? [] : await dumpAddresses(client, filter.family);
  const newline = isOneLine ? '\\' : '\n';
  const options = { ...client.options, family: filter.family };
  let text = '';
  for (const link of links) {
    const index = indexOfLink(link);
    if ((filter.index !== 0 && filter.index !== index) || (filter.onlyUp && !isUp(link)) || filter.isOther) continue;
    const own = entries.filter((entry) => indexOf(entry) === index);
    const shown = own.filter((entry) => isWanted(filter, entry, client.names));
    // A link without any address is shown where nobody asks for those of a family.
    if (shown.length === 0 && !(own.length === 0 && (filter.family === AF_UNSPEC || isLinksAlone))) continue;
    if (isBrief) {
      text += isLinksAlone ? briefLink(link) : `${briefHead(link)}${shown.map((entry) => `${shortAddress(entry)} `).join('')}\n`;
      continue;
    }
    const isBare = filter.label !== null || (isOneLine && !isLinksAlone);
    if (!isBare) text += `${linkLines({ options } as IpClient, link, newline, false)}\n`;
    for (const entry of shown) text += addressLines(await client.nameOf(index), entry, isOneLine);
    if (hasStatistics && !isBare) text += `${statisticsLines(link, newline).slice(newline.length)}\n`;
  }
  await client.write(text);
  return 0;
}

function shortAddress(entry: Answer): string {
  return `${String(ownAddress(entry))}/${entry.head.getUint8(LENGTH)}`;
}

function addressLines(name: string, entry: Answer, isOneLine: boolean): string {
  const isV4 = entry.head.getUint8(FAMILY) === AF_INET;
  const flags = flagsOf(entry);
  const broadcast = entry.address(IFA.BROADCAST);
  const head = isOneLine ? `${indexOf(entry)}: ${name}    ` : '    ';
  let text = `${head}${isV4 ? 'inet' : 'inet6'} ${shortAddress(entry)} `;
  if (broadcast !== null) text += `brd ${String(broadcast)} `;
  text += `scope ${scopeWord(entry.head.getUint8(SCOPE))} `;
  for (const [flag, word] of FLAG_WORDS) if ((flags & flag) !== 0) text += `${word} `;
  if ((flags & IFA_F.PERMANENT) === 0) text += 'dynamic ';
  text += entry.text(IFA.LABEL) ?? '';
  const life = entry.attributes.get(IFA.CACHEINFO);
  if (life === undefined || life.length < 8) return `${text}\n`;
  const view = new DataView(life.buffer, life.byteOffset, life.length);
  return `${text}${isOneLine ? '\\' : '\n'}       valid_lft ${lifeWord(view.getUint32(4, true))} preferred_lft ${lifeWord(view.getUint32(0, true))}\n`;
}

function lifeWord(seconds: number): string {
  return seconds === FOR_EVER ? 'forever' : `${seconds}sec`;
}
const FOR_EVER = 0xffffffff;

// Changing them.

async function change(client: IpClient, type: number, flags: number, words: Words): Promise<number> {
  let prefix: Prefix | null = null;
  let device: string | null = null;
  let label: string | null = null;
  let broadcast: string | null = null;
  let scope: number | null = null;
  let bits = 0;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'dev') device = words.need();
    else if (word === 'label') label = words.need();
    else if (begins(word, 'broadcast') || word === 'brd') broadcast = words.need();
    else if (word === 'scope') scope = scopeOf(words.need());
    else if (word === 'nodad') bits |= IFA_F.NODAD;
    else if (begins(word, 'help')) throw new IpFailure(ADDRESS_HELP, 255);
    else if (NOT_THERE.has(word)) throw new IpFailure(`Error: "${word}" is not there: addresses have no peers here, and do not expire.`, 255);
    else {
      const given = word === 'local' ? words.need() : word;
      if (prefix !== null) throw new IpFailure(`Error: either "local" is duplicate, or "${given}" is a garbage.`, 255);
      prefix = prefixOf(given, client.options.family);
    }
  }
  if (device === null) throw new IpFailure('Not enough information: "dev" argument is required.', 1);
  const isWildcard = type === RTM.DELADDR && prefix !== null && !prefix.hasLength;
  if (isWildcard && prefix !== null) await warn(client, prefix);
  const index = await client.indexOf(device, noDevice);
  const reach = scope ?? (type === RTM.NEWADDR && prefix !== null ? defaultScope(prefix.address) : 0);
  await client.change(type, flags, (to) => {
    const family = prefix === null ? client.options.family : familyOf(prefix.address);
    to.uint8(family).uint8(prefix?.length ?? 0).uint8(bits).uint8(reach).uint32(index);
    if (prefix !== null) putPrefix(to, prefix, type, isWildcard);
    if (broadcast !== null && prefix !== null) to.attribute(IFA.BROADCAST, broadcastOf(broadcast, prefix).toBytes());
    if (label !== null) to.attributeText(IFA.LABEL, label);
    if (bits !== 0) to.attributeUint32(IFA.FLAGS, bits);
  });
  return 0;
}

const NOT_THERE: ReadonlySet<string> = new Set([
  'peer', 'remote', 'anycast', 'valid_lft', 'preferred_lft', 'metric', 'home', 'mngtmpaddr', 'noprefixroute', 'autojoin', 'proto',
]);

/** Addresses of loopback are the host's own. */
function defaultScope(address: IpAddress): number {
  return address.isLoopback && address.isV4 ? scopeOf('host') : 0;
}

function putPrefix(to: NetlinkWriter, { address }: Prefix, type: number, isWildcard: boolean): void {
  to.attribute(IFA.LOCAL, address.toBytes());
  // The wildcard is for whatever prefix the address has.
  if (type === RTM.NEWADDR || !isWildcard || !address.isV4) to.attribute(IFA.ADDRESS, address.toBytes());
}

/** `+` and `-`: the network's address with the host's bits set or cleared. */
function broadcastOf(word: string, { address, length }: Prefix): IpAddress {
  if (word !== '+' && word !== '-') return addressOf(word, familyOf(address));
  if (!address.isV4) throw wrong(word, 'broadcast can be set only for IPv4 addresses');
  if (length > 30) throw new IpFailure('Error: Broadcast can be set only for IPv4 addresses.', 255);
  const hosts = (1 << (32 - length)) - 1;
  return IpAddress.fromV4(word === '+' ? address.d | hosts : address.d & ~hosts);
}

async function warn(client: IpClient, { address, length }: Prefix): Promise<void> {
  await client.complain(`Warning: Executing wildcard deletion to stay compatible with old scripts.
         Explicitly specify the prefix length (${String(address)}/${length}) to avoid this warning.
         This special behaviour is likely to disappear in further releases,
         fix your scripts!
`);
}

async function flush(client: IpClient, words: Words): Promise<number> {
  if (words.isOver) throw new IpFailure('Flush requires arguments.', 1);
  const filter = await readFilter(client, words);
  await client.links();
  const entries = await dumpAddresses(client, filter.family);
  // The second ones first: they go with those that were there before them.
  const doomed = entries.filter((entry) => isWanted(filter, entry, client.names)).reverse();
  for (const entry of doomed) {
    const own = ownAddress(entry);
    if (own === null) continue;
    await client.change(RTM.DELADDR, 0, (to) => {
      to.uint8(own.isV4 ? AF_INET : AF_INET6).uint8(entry.head.getUint8(LENGTH)).uint8(0).uint8(0).uint32(indexOf(entry));
      to.attribute(IFA.LOCAL, own.toBytes()).attribute(IFA.ADDRESS, own.toBytes());
    });
  }
  return 0;
}

const ADDRESS_HELP = `usage: ip address [show] [[dev] DEVICE] [up] [scope SCOPE] [to PREFIX] [label PATTERN] [FLAG]...
       ip address { add | change | replace } PREFIX dev DEVICE [broadcast { ADDRESS | + | - }] [label NAME] [scope SCOPE] [nodad]
       ip address delete PREFIX dev DEVICE
       ip address flush { dev DEVICE | SELECTOR }...
SCOPE is global, link, host or a number.
FLAG is permanent, dynamic, secondary, primary, tentative, deprecated or dadfailed.`;
