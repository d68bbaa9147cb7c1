/**
 * What an unchanged client sees of each of them, by the real kernel. The same scenes are played on hosts of a
 * world in test/node/faults.test.ts, which must come to the same.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { needs } from '../needs.ts';
import { SCENES } from '../node/fault-scenes.ts';
import { recordResult } from '../results.ts';
import { LinuxStage } from './fault-linux.ts';

/** Most of the time nothing happens in a scene: a few are played side by side. */
const AT_A_TIME = 6;

/**
 * Linux's timers are never early, and late by up to an eighth: so coarse are the slots of its timer wheel (kernel/time/timer.c, 8 ticks
 * where 63 have passed). What is seen of it comes through two processes on a machine that plays six scenes: a second at most.
 */
const EARLY_S = 0.05, LATE = 1.13, SEEN_LATE_S = 1;

/** What the kernel did, for the record: by scene. */
const seen: Record<string, unknown> = {};
after(() => recordResult('faults-by-linux', { scenes: SCENES.length, seen }));

describe('faults, by the real kernel', { concurrency: AT_A_TIME }, () => {
  for (const scene of SCENES) {
    test(scene.name, { ...needs('root', 'namespaces', 'ip', 'iptables', 'python3', 'sysctl'), timeout: 120_000 }, async () => {
      const { clients, server, seconds } = await new LinuxStage(scene).play();
      const said = clients.length === 1 ? clients[0] : clients.flatMap((one, n) => one.map((what) => `${n}: ${what}`)).sort();
      seen[scene.name] = { client: said, ...(Number.isNaN(seconds) ? {} : { seconds: Number(seconds.toFixed(2)) }) };
      deepEqual(said, scene.client);
      if (scene.server !== undefined) deepEqual(server, scene.server);
      const expected = scene.linuxSeconds ?? scene.seconds;
      if (expected !== undefined) ok(seconds > expected - EARLY_S && seconds < expected * LATE + SEEN_LATE_S, `${seconds} s, expected ${expected} s`);
    });
  }
});
