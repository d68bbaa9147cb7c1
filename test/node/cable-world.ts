/** Plays a scene of cable-scenes.ts on hosts of a world. */
import { deepEqual, ok } from 'node:assert/strict';
import net from 'node:net';
import { simulate } from '../../src/entry/sim.node.ts';
import { type CableScene, type CableSeen, DELAY_US } from './cable-scenes.ts';
import { server, transfer } from './fault-programs.ts';
import { SYSCTLS } from './fault-scenes.ts';
import { Mailbox } from './fault-world.ts';

/** What came of a scene, wherever it was played. */
export interface CablePlayed extends CableSeen {
  readonly client: readonly string[];
  readonly seconds: number;
}

export function playCableInWorld(scene: CableScene): Promise<CablePlayed> {
  return simulate({ seed: scene.name }, async (world) => {
    const [near, far] = [world.host('client'), world.host('server')];
    const cable = world.cable(near, far, { delayUs: DELAY_US });
    for (const host of [near, far]) for (const [name, value] of Object.entries(SYSCTLS)) host.sysctl(name, value);
    const [client, box]: [string[], Mailbox] = [[], new Mailbox()];
    let listens = false;
    let endedAt = Number.NaN;
    void far.run(() => server(net, 511, 80, (what) => {
      listens ||= what === 'listening';
    }, () => {}));
    await world.until(() => listens);
    void near.run(() => transfer(net, '10.0.1.2', 80, (what) => {
      client.push(what);
      endedAt = world.now;
    }, box.commands));
    await world.until(() => client.includes('connect'));
    cable.set(scene.conditions);
    const begun = world.now;
    box.send(`send ${scene.bytes}`);
    await world.until(() => client.some((what) => what.startsWith('close')), 60e6);
    const counters = [near.nstat(), far.nstat()];
    return {
      client, seconds: (endedAt - begun) / 1e6, wires: [{ ...cable.aToB.statistics }, { ...cable.bToA.statistics }],
      counted: (name) => counters.reduce((sum, each) => sum + (each[name] ?? 0), 0),
    };
  });
}

/** The same of both kernels. How much earlier and later than in a world it may end on a machine. */
export function judgeCable(scene: CableScene, played: CablePlayed, earlyS = 0, lateS = 0): void {
  deepEqual(played.client, scene.client);
  const [least, most] = scene.seconds;
  ok(played.seconds >= least - earlyS && played.seconds <= most + lateS, `${played.seconds} s, expected ${least} to ${most} s`);
  for (const [what, holds] of scene.shown(played)) ok(holds, `${scene.name}: ${what}: ${JSON.stringify(played.wires)}`);
}
