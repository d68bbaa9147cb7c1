/**
 * Where the libraries play: a client and a server, a firewall between them, a round trip of 20 ms.
 *
 *   client 10.0.1.1 --5 ms-- firewall --5 ms-- server 10.0.2.2
 *
 * Both sides run unchanged Node code in virtual time. A test connects, asks, breaks the network, says what the library does then and
 * after how many virtual seconds, and where it connects again of itself, sees it work again.
 */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeHost, type NodeWorld, simulate } from '../../../src/entry/sim.node.ts';
import type { Cable } from '../../../src/link/cable.ts';
import { type Library, leftOut, load } from './libraries.ts';

const CABLE_DELAY_US = 5000;

/** What became of a promise, and when. */
export interface Outcome {
  readonly value: Library;
  readonly error: (NodeJS.ErrnoException & { readonly cause?: Library }) | null;
  /** Virtual seconds from the call of `outcome`. */
  readonly seconds: number;
}

export class Stage {
  readonly world: NodeWorld;
  readonly client: NodeHost;
  readonly firewall: NodeHost;
  readonly server: NodeHost;
  readonly near: Cable;
  readonly far: Cable;

  constructor(world: NodeWorld) {
    this.world = world;
    this.client = world.host('client');
    this.firewall = world.router('firewall');
    this.server = world.host('server');
    this.near = world.cable(this.client, this.firewall, { delayUs: CABLE_DELAY_US });
    this.far = world.cable(this.firewall, this.server, { delayUs: CABLE_DELAY_US });
  }

  /** From now on the firewall drops what is for `port` and what comes from it, without a word. Returns what ends it. */
  drop(port: number): () => void {
    const { firewall } = this.firewall;
    const rules = [
      firewall.append('forward', { protocol: 'tcp', port, action: 'drop' }),
      firewall.append('forward', { protocol: 'tcp', sourcePort: port, action: 'drop' }),
    ];
    return () => {
      for (const rule of rules) rule.remove();
    };
  }

  sleep(seconds: number): Promise<void> {
    return this.world.sleep(seconds * 1e6);
  }

  /** Seconds of virtual time. */
  get now(): number {
    return this.world.now / 1e6;
  }

  async outcome(promise: Promise<Library>): Promise<Outcome> {
    const begun = this.now;
    try {
      const value = await promise;
      return { value, error: null, seconds: this.now - begun };
    } catch (error) {
      return { value: undefined, error: error as NodeJS.ErrnoException, seconds: this.now - begun };
    }
  }
}

/** Seconds that were seen are those that were expected, give or take a tenth or what is said. */
export function near(seconds: number, expected: number, tolerance = 0.1): void {
  ok(Math.abs(seconds - expected) <= tolerance, `after ${seconds} s, expected ${expected} s`);
}

/** The next event of that name. */
export function once(emitter: Library, name: string): Promise<Library> {
  return new Promise((resolve) => emitter.once(name, resolve));
}

/** A test of libraries: they are loaded as their users load them, and handed in. */
export function libraryTest(title: string, names: readonly string[], play: (stage: Stage, ...libraries: Library[]) => Promise<void>): void {
  test(title, { skip: names.length > 0 && leftOut(names[0] as string), timeout: 60_000 }, async () => {
    const libraries: Library[] = [];
    for (const name of names) libraries.push(await load(name));
    await simulate({ seed: title }, (world) => play(new Stage(world), ...libraries));
  });
}
