/**
 * `sockscape demo slow-loris`: a web server with room for twenty connections, twenty clients that say a word every ten seconds and
 * never come to an end, and two customers, one whose connection stands already and one who makes a new one each time. Who is
 * served, and when the slow ones are sent away, with each of three choices of headersTimeout and requestTimeout.
 *
 *   shop, loris, customers --5 ms-- switch
 */
import type { ServerOptions } from 'node:http';
import type { NodeHost } from '../../platform/node/virtual/node-host.ts';
import { type NodeWorld, prepareNode } from '../../platform/node/virtual/node-world.ts';
import { commandWorld } from '../leftovers.ts';
import { print } from '../output.ts';
import { bold, inSeconds, playWithCapture, type ShownCapture, tellAt } from '../played-demo.ts';
import { SHOP, standThere, visitAgainAndAgain, WORD_MS } from './customers.ts';
import { openShop, SHOP_PORT } from './shop.ts';

const CABLE_DELAY_US = 5000;
const ROOM = 20;
/** One place is the regular customer's; of the slow ones, so many say headers, the others bytes of an order. */
const SLOW_HEADERS = 10;
const SLOW_ORDERS = 9;
/** The slow ones come when the regular customer has been there. */
const COME_US = 5_500_000;
const DAY_US = 350_000_000;
/** The slow ones' ports; what the first of them says is shown. */
const FIRST_PORT = 4000;
/** When `ss` is asked. */
const LOOK_US = 20_000_000;

interface Act {
  readonly title: string;
  readonly limits: ServerOptions;
}

const FIRST: Act = { title: "Node's own limits: 60 s for the headers, 300 s for all of a request, looked at every 30 s", limits: {} };
const OTHERS: readonly Act[] = [
  { title: 'no limits', limits: { headersTimeout: 0, requestTimeout: 0 } },
  { title: 'limits of 5 s and 10 s, looked at every second', limits: { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 } },
];

/** Runs the demo; returns its exit status. `file` is the capture of the first act. */
export function slowLoris(seed: string, file: string): Promise<number> {
  prepareNode();
  return playWithCapture('slow-loris', seed, file, async (capture) => {
    const words = `every ${WORD_MS / 1000} s`;
    print(`${bold('shop')}: room for ${ROOM} connections; ${bold('loris')}: ${SLOW_HEADERS + SLOW_ORDERS} clients that say a word ${words}; two customers, who come every second\n`);
    await commandWorld({ seed }, (world) => play(world, FIRST, capture));
    for (const act of OTHERS) await commandWorld({ seed }, (world) => play(world, act, null));
  });
}

async function play(world: NodeWorld, { title, limits }: Act, capture: ShownCapture | null): Promise<void> {
  print(`\n${bold(title)}\n`);
  const bridge = world.switch();
  const [shop, loris, regular, fresh] = [SHOP, 'loris', 'regular', 'new'].map((name) => {
    const host = world.host(name);
    const { a: card } = world.cable(host, bridge, { delayUs: CABLE_DELAY_US });
    capture?.watch(world, host, card, name === 'loris');
    if (name === 'loris') capture?.show(card, `ip and tcp port ${FIRST_PORT}`);
    return host;
  }) as [NodeHost, NodeHost, NodeHost, NodeHost];
  await shop.run(() => openShop(limits, ROOM));
  const [old, other] = [new Visits(world, 'the customer who has a connection'), new Visits(world, 'the customer who makes a new one')];
  const visits = [
    regular.run(() => visitAgainAndAgain(true, DAY_US / 1000, old.tell)), fresh.run(() => visitAgainAndAgain(false, DAY_US / 1000, other.tell)),
  ];
  await world.sleep(COME_US);
  tellAt(world, `${SLOW_HEADERS} clients come who never end their headers, ${SLOW_ORDERS} who never end their orders`);
  const slow = [
    comeAndStand(world, loris, 'never end their headers', FIRST_PORT, SLOW_HEADERS, false),
    comeAndStand(world, loris, 'never end their orders', FIRST_PORT + SLOW_HEADERS, SLOW_ORDERS, true),
  ];
  await world.sleep(LOOK_US - world.now);
  tellAt(world, `connections at the shop, as ss lists them: ${(await world.ss(shop, `-Htn sport = :${SHOP_PORT}`)).length}`);
  await Promise.all([...slow, ...visits]);
  for (const each of [old, other]) print(`${each.who}: served in ${each.served} visits of ${each.visits}\n`);
}

/** What became of a customer's visits; tells when it changes. */
class Visits {
  readonly who: string;
  visits = 0;
  served = 0;
  private readonly world: NodeWorld;
  private before = '';

  constructor(world: NodeWorld, who: string) {
    this.world = world;
    this.who = who;
  }

  readonly tell = (outcome: string): void => {
    this.visits++;
    if (outcome === '200') this.served++;
    if (outcome !== this.before) tellAt(this.world, `${this.who}: ${outcome === '200' ? 'is served' : outcome}`);
    this.before = outcome;
  };
}

/** So many slow ones of a kind, from these ports on; tells when the last of them has been sent away. */
async function comeAndStand(world: NodeWorld, loris: NodeHost, who: string, port: number, count: number, hasHeaders: boolean): Promise<void> {
  const mostMs = (DAY_US - world.now) / 1000;
  const ends = await loris.run(() => Promise.all(Array.from({ length: count }, (_, i) => standThere(port + i, hasHeaders, mostMs))));
  const sent = ends.filter((end) => end !== null);
  const standing = count - sent.length;
  if (standing > 0) tellAt(world, `${standing} of those who ${who} still stand there`);
  if (sent.length === 0) return;
  const [least, most] = [Math.min(...sent.map(({ afterMs }) => afterMs)), Math.max(...sent.map(({ afterMs }) => afterMs))];
  const after = [least, most].map((ms) => inSeconds(ms * 1000).trim());
  const words = [...new Set(sent.map(({ word }) => word))];
  tellAt(world, `${sent.length} of those who ${who} are sent away, after ${[...new Set(after)].join(' to ')}: ${words.join(', ')}`);
}
