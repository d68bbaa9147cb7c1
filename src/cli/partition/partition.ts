/**
 * `sockscape demo partition`: three replicas of a store, two clients, one switch; the leader and one of the clients are cut off from
 * the rest, silently, and heard again later. What the clients see of it, and when, and what TCP does meanwhile.
 *
 *   alice, bob, r1, r2, r3 --1 ms-- switch
 *
 * Two acts: replicas that leave it to TCP to find out, and the same ones with a limit of their own for an answer.
 */
import type { Device } from '../../link/device.ts';
import type { NodeHost } from '../../platform/node/virtual/node-host.ts';
import { type NodeWorld, prepareNode } from '../../platform/node/virtual/node-world.ts';
import { commandWorld } from '../leftovers.ts';
import { print } from '../output.ts';
import { bold, inSeconds, playWithCapture, type ShownCapture, showSockets, tellAt } from '../played-demo.ts';
import { ask, Unanswered } from './client.ts';
import { type Question, Replica, REPLICA_PORT } from './replica.ts';

const REPLICAS = ['r1', 'r2', 'r3'];
const CLIENTS = ['alice', 'bob'];
const CABLE_DELAY_US = 1000;
/** When what happens, in seconds of the world. */
const FIRST_WRITE_S = 1;
const SPLIT_S = 2;
const SECOND_WRITES_S = 2.1;
const LOOK_S = 4;
const READS_S = 10;
const HEAL_S = 22;
/** How long a client asks on, and how long one replica may take. */
const LIMIT_MS = 5000;
const PATIENCE_MS = 1000;
/** How often alice looks afterwards whether she sees what bob wrote. */
const LOOKS_EVERY_US = 100_000;
const LINK_TIMEOUT_MS = 1000;
const TIME_LIMIT_US = 600e6;

/** Runs the demo; returns its exit status. `file` is the capture of the first act. */
export function partition(seed: string, file: string): Promise<number> {
  prepareNode();
  return playWithCapture('partition', seed, file, async (capture) => {
    print(`${bold('r1, r2, r3, alice, bob')}: three replicas and two clients written with net, on one switch\n\n`);
    const late = await commandWorld({ seed, timeLimitUs: TIME_LIMIT_US }, (world) => new Act(world, 0, capture).play());
    print(`\n${bold(`the same, and a replica gives up a connection on which nothing comes back for ${LINK_TIMEOUT_MS / 1000} s`)}\n\n`);
    const soon = await commandWorld({ seed, timeLimitUs: TIME_LIMIT_US }, (world) => new Act(world, LINK_TIMEOUT_MS, null).play());
    print('\n');
    tell('left to TCP', late);
    tell(`a limit of ${LINK_TIMEOUT_MS / 1000} s`, soon);
  });
}

function tell(title: string, { afterUs, staleUs }: Outcome): void {
  const [after, stale] = [afterUs, staleUs].map((us) => inSeconds(us).trim());
  print(`${bold(`alice sees it ${after} after the network is whole`)}, ${stale} after bob was promised: ${title}\n`);
}

/** How an act ended. */
interface Outcome {
  /** From the network's being whole until alice sees what bob wrote. */
  readonly afterUs: number;
  /** From bob's promise until then. */
  readonly staleUs: number;
}

class Act {
  private readonly world: NodeWorld;
  private readonly linkTimeoutMs: number;
  private readonly capture: ShownCapture | null;
  private readonly hosts: Map<string, NodeHost> = new Map();
  private readonly cards: Map<string, Device> = new Map();
  private readonly replicas: Map<string, Replica> = new Map();
  /** Whom each client asks first. */
  private readonly known: Map<string, string> = new Map();
  private leader = '';
  /** When bob's value was promised. */
  private promisedUs = 0;

  constructor(world: NodeWorld, linkTimeoutMs: number, capture: ShownCapture | null) {
    this.world = world;
    this.linkTimeoutMs = linkTimeoutMs;
    this.capture = capture;
    const bridge = world.switch();
    for (const name of [...REPLICAS, ...CLIENTS]) {
      const host = world.host(name);
      const { a: card } = world.cable(host, bridge, { delayUs: CABLE_DELAY_US });
      this.hosts.set(name, host);
      this.cards.set(name, card);
      capture?.watch(world, host, card);
    }
  }

  async play(): Promise<Outcome> {
    const { world } = this;
    for (const name of REPLICAS) await this.hostOf(name).run(() => void this.replicas.set(name, this.start(name)));
    await world.until(() => this.leader !== '');
    await this.until(FIRST_WRITE_S);
    await this.report('alice', { op: 'set', value: 1 });
    await this.until(SPLIT_S);
    const old = this.leader;
    const others = REPLICAS.filter((name) => name !== old);
    const split = world.partition([[old, 'alice'], [...others, 'bob']].map((group) => group.map((name) => this.hostOf(name))));
    tellAt(world, bold(`${old} and alice | ${others.join(', ')} and bob: nothing passes between them, without a word`));
    this.capture?.show(this.cardOf(old), `ip and tcp dst port ${REPLICA_PORT} and src host ${this.addressOf(old)} and dst host ${this.addressOf(others[0] as string)}`);
    await this.until(SECOND_WRITES_S);
    const writes = [this.report('alice', { op: 'set', value: 2 }), this.report('bob', { op: 'set', value: 3 })];
    await this.until(LOOK_S);
    if (this.capture !== null) await showSockets(world, this.hostOf(old), `-tno dst ${this.addressOf(others[0] as string)}`);
    await Promise.all(writes);
    await this.until(READS_S);
    await this.report('alice', { op: 'get' });
    await this.report('bob', { op: 'get' });
    await this.until(HEAL_S);
    split.heal();
    tellAt(world, bold('the network is whole again'));
    const healedUs = world.now;
    await this.untilAliceSees(3);
    const outcome = { afterUs: world.now - healedUs, staleUs: world.now - this.promisedUs };
    const logs = (): string[] => [...this.replicas.values()].map(({ log }) => log.map(({ value, term }) => `x = ${value} of term ${term}`).join(', '));
    await world.until(() => new Set(logs()).size === 1);
    tellAt(world, `all logs are the same: ${logs()[0]}`);
    return outcome;
  }

  private start(name: string): Replica {
    const others = REPLICAS.filter((other) => other !== name);
    return new Replica({
      name, others, linkTimeoutMs: this.linkTimeoutMs,
      onLeader: (term) => {
        this.leader = name;
        tellAt(this.world, `${name} leads term ${term}`);
      },
      onFollower: (term) => {
        tellAt(this.world, `${name} hears of term ${term}, and leads no more`);
        this.capture?.show(this.cardOf(name), null);
      },
    });
  }

  /** A client asks whom it knows as the leader, then the others, and says what it saw. */
  private async report(client: string, question: Question): Promise<void> {
    const what = question.op === 'set' ? `x = ${question.value}` : 'x?';
    const begunUs = this.world.now;
    tellAt(this.world, `${client}: ${what}`);
    const answer = await this.ask(client, question);
    const text = answer instanceof Unanswered ? answer.message : question.op === 'get' ? `x is ${answer}` : 'promised';
    tellAt(this.world, `  to ${client}: ${text}, after ${inSeconds(this.world.now - begunUs).trim()}`);
    if (client === 'bob' && question.op === 'set') this.promisedUs = this.world.now;
  }

  /** A client asks whom it knows, at first the one who leads now. */
  private ask(client: string, question: Question): Promise<number | null | Unanswered> {
    const first = this.known.get(client) ?? this.leader;
    this.known.set(client, first);
    const order = [first, ...REPLICAS.filter((name) => name !== first)];
    return this.hostOf(client).run(() => ask(order, question, LIMIT_MS, PATIENCE_MS).catch((error: unknown) => {
      if (error instanceof Unanswered) return error;
      throw error;
    }), { name: client });
  }

  private async untilAliceSees(value: number): Promise<void> {
    let before: string | null = null;
    for (;;) {
      const seen = await this.ask('alice', { op: 'get' });
      const text = seen instanceof Unanswered ? seen.message : `x is ${seen}`;
      if (text !== before) tellAt(this.world, `  to alice, who looks again and again: ${text}`);
      before = text;
      if (seen === value) return;
      await this.world.sleep(LOOKS_EVERY_US);
    }
  }

  private until(seconds: number): Promise<void> {
    return this.world.sleep(Math.max(seconds * 1e6 - this.world.now, 0));
  }

  private hostOf(name: string): NodeHost {
    return this.hosts.get(name) as NodeHost;
  }

  private cardOf(name: string): Device {
    return this.cards.get(name) as Device;
  }

  private addressOf(name: string): string {
    return (this.hostOf(name).addresses(this.cardOf(name))[0] as string).split('/')[0] as string;
  }
}
