/**
 * Every kind of fault that chance may choose really happens, and is over when its time is: what the wires count and what
 * programs see before it, during it and after it.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { HostCrash, type NodeHost, type NodeWorld, simulate } from '../../src/entry/sim.node.ts';
import { type FaultKind, FAULT_KINDS } from '../../src/sim/faults.ts';
import type { Cable } from '../../src/link/cable.ts';

const DELAY_US = 5000;
/** The fault is there from 10 s to 20 s; what happens is seen within each third of half a minute. */
const THIRD_US = 10e6;
const SEEDS = [1, 2];

/** What happened in one third: every 100 ms the client sent a line to the server, which sent it back. */
interface Third {
  /** Lines that came back, and the longest way there and back in ms. */
  answers: number;
  slowest: number;
  /** Connections that were answered, of one each second; and how often the server's program's timer of 100 ms ran. */
  connections: number;
  beats: number;
  /** What the wires counted: lost to the server and from it; the others of both directions. */
  lost: readonly [number, number];
  heldBack: number;
  corrupted: number;
  carrier: boolean;
  /** Flows of the router between them that it knew a moment after the third began. */
  flows: number;
}

interface Seen {
  readonly thirds: Third[];
  readonly timeline: string[];
  readonly boots: number;
  /** What became of the server's promise: it is for a crash to reject it. */
  readonly crashed: boolean;
}

class Watch {
  readonly thirds: Third[] = [];
  boots = 0;
  crashed = false;
  private readonly world: NodeWorld;
  private readonly client: NodeHost;
  private readonly router: NodeHost;
  private readonly server: NodeHost;
  private readonly cable: Cable;

  /** `isDirect`: the router is not between the two. */
  constructor(world: NodeWorld, isDirect: boolean) {
    this.world = world;
    this.client = world.host('client');
    this.router = world.router('router');
    this.server = world.host('server');
    world.cable(this.client, this.router, { delayUs: 0 });
    this.cable = world.cable(isDirect ? this.client : this.router, this.server, { delayUs: DELAY_US });
    // What has been let through is remembered, and nothing else comes in but what begins.
    this.router.firewall.append('forward', { state: 'established', action: 'accept' });
    this.router.firewall.append('forward', { protocol: 'tcp', syn: true, action: 'accept' });
    this.router.firewall.append('forward', { protocol: 'tcp', action: 'drop' });
  }

  private get third(): Third {
    return this.thirds.at(-1) as Third;
  }

  async play(kind: FaultKind): Promise<Seen> {
    const { world, server, router, client } = this;
    server.run(() => this.serve()).catch((error: unknown) => {
      this.crashed = error instanceof HostCrash;
    });
    await world.sleep(1000);
    const [fault] = world.faults.random({
      count: 1, kinds: [kind], fromUs: THIRD_US, untilUs: THIRD_US, lastsUs: [THIRD_US, THIRD_US], hosts: kind === 'forget' ? [router] : kind === 'partition' ? [client, server] : [server],
      cables: [this.cable],
    });
    ok(fault !== undefined, 'one was planned');
    void client.run(() => this.ask());
    for (let i = 0; i < 3; i++) await this.watch();
    return { thirds: this.thirds, timeline: world.timeline.slice(3).map(({ what }) => what), boots: this.boots, crashed: this.crashed };
  }

  /** Ten seconds, and what the wires counted in them. Their first moment is that after the fault. */
  private async watch(): Promise<void> {
    const { aToB: { statistics: there }, bToA: { statistics: back } } = this.cable;
    const before = [{ ...there }, { ...back }] as const;
    const third: Third = {
      answers: 0, slowest: 0, connections: 0, beats: 0, lost: [0, 0], heldBack: 0, corrupted: 0, carrier: this.cable.connected, flows: this.router.firewall.flows().length,
    };
    this.thirds.push(third);
    await this.world.sleep(THIRD_US - 2000);
    third.carrier &&= this.cable.connected;
    third.lost = [there.lost - before[0].lost, back.lost - before[1].lost];
    for (const name of ['heldBack', 'corrupted'] as const) third[name] = there[name] - before[0][name] + back[name] - before[1][name];
    await this.world.sleep(2000);
  }

  private async serve(): Promise<void> {
    this.boots++;
    net.createServer((socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    }).listen(80);
    setInterval(() => {
      if (this.thirds.length > 0) this.third.beats++;
    }, 100);
    await new Promise(() => {});
  }

  private ask(): void {
    const { world } = this;
    const talk = (): void => {
      const socket = net.connect(80, '10.0.2.2');
      let rest = '';
      socket.on('data', (data) => {
        const lines = (rest + data.toString()).split('\n');
        rest = lines.pop() as string;
        for (const line of lines) {
          this.third.answers++;
          this.third.slowest = Math.max(this.third.slowest, (world.now - Number(line)) / 1000);
        }
      });
      const timer = setInterval(() => socket.write(`${world.now}\n`), 100);
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        setTimeout(talk, 100);
      });
    };
    talk();
    setInterval(() => {
      const begun = this.third;
      const socket = net.connect(80, '10.0.2.2', () => {
        if (begun === this.third) begun.connections++;
        socket.destroy();
      });
      socket.on('error', () => {});
    }, 1000);
  }
}

/** A router sends on what is corrupt, and the frames of this run are held to be sound (scripts/frames.mjs). */
const watch = (kind: FaultKind, seed: number): Promise<Seen> => simulate({ seed }, (world) => new Watch(world, kind === 'corrupt').play(kind));

/** Nothing is lost or late when nothing happens. */
const CALM = { lost: [0, 0], heldBack: 0, corrupted: 0, carrier: true };
const weather = ({ lost, heldBack, corrupted, carrier }: Third): object => ({ lost, heldBack, corrupted, carrier });
/** Of the hundred beats and ten connections of a third some lie on its border. */
const most = (count: number, of: number): boolean => count >= of * 0.8;

const silent = ({ answers, connections, beats }: Third): void => {
  deepEqual({ answers, connections }, { answers: 0, connections: 0 });
  ok(most(beats, 100), `${beats} beats`);
};

/** What is seen while the fault is there. */
const DURING: Record<FaultKind, (during: Third, seen: Seen) => void> = {
  cut: (during) => {
    equal(during.carrier, false);
    silent(during);
  },
  block: (during) => {
    silent(during);
    ok(during.carrier && during.lost[0] > 0, String(during.lost));
  },
  'one-way': (during) => {
    silent(during);
    equal(during.lost.filter((lost) => lost > 0).length, 1, `one direction alone: ${during.lost}`);
  },
  slow: (during) => {
    ok(during.slowest >= (2 * DELAY_US) / 1000 + 20, `${during.slowest} ms`);
    deepEqual(weather(during), CALM);
  },
  lossy: (during) => {
    ok(during.lost[0] > 0 && during.lost[1] > 0, String(during.lost));
    ok(during.carrier && during.answers > 0, `${during.answers} answers`);
  },
  reorder: (during) => {
    ok(during.heldBack > 0);
    // Held back for up to 50 ms.
    ok(during.slowest > (2 * DELAY_US) / 1000, `${during.slowest} ms`);
    deepEqual(weather({ ...during, heldBack: 0 }), CALM);
    ok(most(during.answers, 100), `${during.answers} answers`);
  },
  corrupt: (during) => {
    ok(during.corrupted > 0);
    deepEqual(weather({ ...during, corrupted: 0 }), CALM);
    ok(during.slowest >= 200, `${during.slowest} ms: what is corrupt is sent again`);
    ok(during.answers > 0, `${during.answers} answers`);
  },
  freeze: ({ answers, connections, beats, ...during }) => {
    deepEqual({ answers, beats }, { answers: 0, beats: 0 });
    ok(most(connections, 10), `its kernel accepts: ${connections} connections`);
    deepEqual(during.lost, [0, 0]);
  },
  'freeze-machine': ({ answers, connections, beats }, { boots }) => {
    deepEqual({ answers, beats, connections, boots }, { answers: 0, beats: 0, connections: 0, boots: 1 });
  },
  crash: ({ answers, connections, beats }, { boots, crashed }) => {
    deepEqual({ answers, beats, connections, boots, crashed }, { answers: 0, beats: 0, connections: 0, boots: 2, crashed: true });
  },
  partition: (during) => {
    silent(during);
    deepEqual(weather(during), CALM, 'the cables are as they were');
  },
  forget: ({ answers, connections, ...during }) => {
    equal(during.flows, 0);
    equal(answers, 0, 'what began before is not let through any more');
    ok(most(connections, 10), `what begins is: ${connections} connections`);
  },
};

for (const kind of FAULT_KINDS) {
  test(`chance: ${kind} happens, and is over`, async () => {
    for (const seed of SEEDS) {
      const seen = await watch(kind, seed);
      const [before, during, after] = seen.thirds as [Third, Third, Third];
      deepEqual(weather(before), CALM);
      ok(most(before.answers, 100) && most(before.beats, 100) && most(before.connections, 10), JSON.stringify(before));
      equal(before.slowest, (2 * DELAY_US) / 1000);
      DURING[kind](during, seen);
      ok(after.carrier && most(after.beats, 100) && most(after.connections, 10), JSON.stringify(after));
      // What was held up comes too. After a crash the next retransmission finds that the connection is gone, 6.4 s later at most;
      // a flow that the firewall has forgotten stays so.
      if (kind === 'crash') ok(after.answers >= 20, JSON.stringify(after));
      else if (kind !== 'forget') ok(most(after.answers, 100), JSON.stringify(after));
      equal(seen.crashed, kind === 'crash');
      ok(seen.timeline.length > 0, 'the timeline tells of it');
    }
  });
}
