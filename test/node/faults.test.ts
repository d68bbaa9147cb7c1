/**
 * Faults as facts: what an unchanged client saw of each (errno, order of events, bytes). test/interop/faults.test.ts plays the same
 * scenes with the real kernel.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { CABLE_SCENES } from './cable-scenes.ts';
import { judgeCable, playCableInWorld } from './cable-world.ts';
import { SCENES } from './fault-scenes.ts';
import { judgeNames, NAME_SCENES } from './name-scenes.ts';
import { playNamesInWorld } from './name-world.ts';
import { playInWorld } from './fault-world.ts';

for (const scene of SCENES) {
  test(`fault: ${scene.name}`, async () => {
    const { clients, server, seconds } = await playInWorld(scene);
    const said = clients.length === 1 ? clients[0] : clients.flatMap((one, n) => one.map((what) => `${n}: ${what}`)).sort();
    deepEqual(said, scene.client);
    if (scene.server !== undefined) deepEqual(server, scene.server);
    if (scene.seconds !== undefined) ok(Math.abs(seconds - scene.seconds) < 0.02, `${seconds} s`);
  });
}

for (const scene of CABLE_SCENES) {
  test(`fault: ${scene.name}`, async () => {
    judgeCable(scene, await playCableInWorld(scene));
  });
}

for (const scene of NAME_SCENES) {
  test(`fault: ${scene.name}`, async () => {
    judgeNames(scene, await playNamesInWorld(scene));
  });
}
