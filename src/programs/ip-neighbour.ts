/** `ip neighbour`: neighbours are shown, added, changed, deleted and flushed (ip-neighbour(8)). */
import { AF_INET, AF_INET6 } from '../api/posix/constants.ts';
import { NDA, NDMSG_LEN, NLM_F, NTF, RTM } from '../api/posix/netlink.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { addressOf, type Answer, begins, familyOf, type IpClient, IpFailure, macOf, macWords, numberOf, type Prefix, prefixOf, Words } from './ip-client.ts';

const FAMILY = 0, INDEX = 4, STATE = 8, FLAGS = 10;
/** NUD_ states. */
const STATES: Readonly<Record<string, number>> = {
  none: 0, incomplete: 0x01, reachable: 0x02, stale: 0x04, delay: 0x08, probe: 0x10, failed: 0x20, noarp: 0x40, permanent: 0x80,
};
const PERMANENT = 0x80, NOARP = 0x40;
/** Those without a state, asked for by `nud all` or `nud none`. */
const STATELESS = 0x100;
/** What is shown, and what is flushed, when nobody says. */
const SHOWN = 0xff & ~NOARP, FLUSHED = 0xff & ~(NOARP | PERMANENT);
const TICKS_PER_S = 100;

export async function ipNeighbour(client: IpClient, args: readonly string[]): Promise<number> {
  const [command = 'show', ...rest] = args;
  const words = new Words(rest);
  if (begins(command, 'add')) return change(client, RTM.NEWNEIGH, NLM_F.CREATE | NLM_F.EXCL, words);
  if (begins(command, 'change', 'chg')) return change(client, RTM.NEWNEIGH, NLM_F.REPLACE, words);
  if (begins(command, 'replace')) return change(client, RTM.NEWNEIGH, NLM_F.CREATE | NLM_F.REPLACE, words);
  if (begins(command, 'delete')) return change(client, RTM.DELNEIGH, 0, words);
  if (begins(command, 'get')) return get(client, words);
  if (begins(command, 'show', 'lst', 'list')) return show(client, words);
  if (begins(command, 'flush')) return flush(client, words);
  if (begins(command, 'help')) throw new IpFailure(NEIGHBOUR_HELP, 255);
  throw new IpFailure(`Command "${command}" is unknown, try "ip neigh help".`, 255);
}

function stateOf(word: string): number {
  if (Object.hasOwn(STATES, word)) return STATES[word] as number;
  if (/^\d/.test(word)) return numberOf(word, 'nud state is bad', 0xff);
  throw new IpFailure(`Error: argument "${word}" is wrong: nud state is bad`, 255);
}

async function change(client: IpClient, type: number, flags: number, words: Words): Promise<number> {
  let address: IpAddress | null = null;
  let device: string | null = null;
  let mac: Uint8Array | null = null;
  let state = PERMANENT;
  let bits = 0;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'lladdr') mac = macOf(words.need());
    else if (word === 'dev') device = words.need();
    else if (word === 'nud') state = stateOf(words.need());
    else if (word === 'router') bits |= NTF.ROUTER;
    else if (begins(word, 'help')) throw new IpFailure(NEIGHBOUR_HELP, 255);
    else if (NOT_THERE.has(word)) throw new IpFailure(`Error: "${word}" is not there.`, 255);
    else {
      const given = word === 'to' ? words.need() : word;
      if (address !== null) throw new IpFailure(`Error: either "to" is duplicate, or "${given}" is a garbage.`, 255);
      address = addressOf(given, client.options.family);
    }
  }
  if (device === null || address === null) throw new IpFailure('Device and destination are required arguments.', 255);
  const to = address;
  const index = await client.indexOf(device);
  await client.change(type, flags, (writer) => {
    writer.uint8(familyOf(to)).uint8(0).uint16(0).uint32(index).uint16(state).uint8(bits).uint8(0).attribute(NDA.DST, to.toBytes());
    if (mac !== null) writer.attribute(NDA.LLADDR, mac);
  });
  return 0;
}

const NOT_THERE: ReadonlySet<string> = new Set(['proxy', 'use', 'managed', 'extern_learn', 'protocol']);

async function get(client: IpClient, words: Words): Promise<number> {
  let address: IpAddress | null = null;
  let device: string | null = null;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'dev') device = words.need();
    else address = addressOf(word === 'to' ? words.need() : word, client.options.family);
  }
  if (device === null || address === null) throw new IpFailure('Device and address are required arguments.', 255);
  const to = address;
  const index = await client.indexOf(device);
  const answer = await client.ask(RTM.GETNEIGH, NDMSG_LEN, (writer) => {
    writer.uint8(familyOf(to)).uint8(0).uint16(0).uint32(index).uint16(0).uint8(0).uint8(0).attribute(NDA.DST, to.toBytes());
  });
  await client.write(await line(client, answer, false));
  return 0;
}

interface Filter {
  readonly index: number;
  readonly states: number;
  readonly to: Prefix | null;
}

async function readFilter(client: IpClient, words: Words, standard: number): Promise<Filter> {
  let states = 0;
  let isGiven = false;
  let to: Prefix | null = null;
  let device: string | null = null;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'dev') device = words.need();
    else if (word === 'nud') {
      const name = words.need();
      states |= name === 'all' ? 0x1ff : stateOf(name) || STATELESS;
      isGiven = true;
    } else if (word === 'unused') continue;
    else if (begins(word, 'help')) throw new IpFailure(NEIGHBOUR_HELP, 255);
    else to = word === 'all' ? null : prefixOf(word === 'to' ? words.need() : word, client.options.family);
  }
  return { index: device === null ? 0 : await client.indexOf(device), states: isGiven ? states : standard, to };
}

async function find(client: IpClient, { index, states, to }: Filter): Promise<Answer[]> {
  const found = await client.dump(RTM.GETNEIGH, NDMSG_LEN, (writer) => {
    writer.uint8(client.options.family).raw(new Uint8Array(NDMSG_LEN - 1));
  });
  return found.filter((entry) => {
    const address = entry.address(NDA.DST);
    const state = entry.head.getUint16(STATE, true);
    if (index !== 0 && entry.head.getUint32(INDEX, true) !== index) return false;
    if (state === 0 ? (states & STATELESS) === 0 : (states & state) === 0) return false;
    return to === null || (address !== null && address.isV4 === to.address.isV4 && address.isIn(to.address, to.length));
  });
}

async function show(client: IpClient, words: Words): Promise<number> {
  const filter = await readFilter(client, words, SHOWN);
  let text = '';
  for (const entry of await find(client, filter)) text += await line(client, entry, filter.index !== 0);
  await client.write(text);
  return 0;
}

/** One neighbour; its device is left out where it was asked for. */
async function line(client: IpClient, entry: Answer, hidesDevice: boolean): Promise<string> {
  const { isBrief, hasStatistics } = client.options;
  const address = String(entry.address(NDA.DST));
  const device = await client.nameOf(entry.head.getUint32(INDEX, true));
  const bytes = entry.attributes.get(NDA.LLADDR);
  const mac = bytes === undefined ? null : macWords(bytes);
  if (isBrief) return `${address.padEnd(39)} ${device.padEnd(16)} ${mac ?? ''}\n`;
  let text = `${address} ${hidesDevice ? '' : `dev ${device} `}${mac === null ? '' : `lladdr ${mac} `}`;
  if ((entry.head.getUint8(FLAGS) & NTF.ROUTER) !== 0) text += 'router ';
  if (hasStatistics) text += statistics(entry);
  const state = entry.head.getUint16(STATE, true);
  const names = Object.keys(STATES).filter((name) => ((STATES[name] as number) & state) !== 0);
  return `${text}${names.map((name) => `${name.toUpperCase()} `).join('')}\n`;
}

/** How long ago it was used, confirmed and changed, in seconds, and how often it was asked for. */
function statistics(entry: Answer): string {
  const times = entry.attributes.get(NDA.CACHEINFO);
  let text = '';
  if (times !== undefined && times.length >= 16) {
    const view = new DataView(times.buffer, times.byteOffset, times.length);
    const seconds = (at: number): number => Math.floor(view.getUint32(at, true) / TICKS_PER_S);
    if (view.getUint32(12, true) !== 0) text += ` ref ${view.getUint32(12, true)}`;
    text += ` used ${seconds(4)}/${seconds(0)}/${seconds(8)}`;
  }
  return `${text}probes ${entry.uint32(NDA.PROBES) ?? 0} `;
}

async function flush(client: IpClient, words: Words): Promise<number> {
  if (words.isOver) throw new IpFailure('Flush requires arguments.', 1);
  const doomed = await find(client, await readFilter(client, words, FLUSHED));
  for (const entry of doomed) {
    const address = entry.attributes.get(NDA.DST);
    const family = entry.head.getUint8(FAMILY);
    if (address === undefined || (family !== AF_INET && family !== AF_INET6)) continue;
    await client.change(RTM.DELNEIGH, 0, (to) => {
      to.uint8(family).uint8(0).uint16(0).uint32(entry.head.getUint32(INDEX, true)).uint16(0).uint8(0).uint8(0).attribute(NDA.DST, address);
    });
  }
  if (client.options.hasStatistics) {
    await client.write(doomed.length === 0 ? 'Nothing to flush.\n'
      : `\n*** Round 1, deleting ${doomed.length} entries ***\n*** Flush is complete after 1 round ***\n`);
  }
  return 0;
}

const NEIGHBOUR_HELP = `usage: ip neighbour [show] [to PREFIX] [dev DEVICE] [nud STATE]...
       ip neighbour { add | change | replace | delete } ADDRESS [lladdr MAC] [nud STATE] [router] dev DEVICE
       ip neighbour get ADDRESS dev DEVICE
       ip neighbour flush { all | to PREFIX | dev DEVICE | nud STATE }...
STATE is permanent, noarp, reachable, stale, delay, probe, failed, incomplete or none; to look for, also all.`;
