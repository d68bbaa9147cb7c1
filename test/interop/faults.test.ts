/**
 * What an unchanged client sees of each of them, by the real kernel. The same scenes are played on hosts of a
 * world in test/node/faults.test.ts, which must come to the same.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needs } from '../needs.ts';
import { SCENES } from '../node/fault-scenes.ts';
import { LinuxStage } from './fault-linux.ts';

/** Most of the time nothing happens in a scene: a few are played side by side. */
const AT_A_TIME = 6;

describe('faults, by the real kernel', { concurrency: AT_A_TIME }, () => {
  for (const scene of SCENES) {
    test(scene.name, { ...needs('root', 'namespaces', 'ip', 'iptables', 'python3', 'sysctl'), timeout: 120_000 }, async () => {
      const { clients, server, seconds } = await new LinuxStage(scene).play();
      const said = clients.length === 1 ? clients[0] : clients.flatMap((one, n) => one.map((what) => `${n}: ${what}`)).sort();
      deepEqual(said, scene.client);
      if (scene.server !== undefined) deepEqual(server, scene.server);
      // A busy machine is late, and never early.
      if (scene.seconds !== undefined) ok(seconds > scene.seconds - 0.3 && seconds < scene.seconds + 4, `${seconds} s`);
    });
  }
});
