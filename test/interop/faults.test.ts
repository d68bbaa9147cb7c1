/**
 * What an unchanged client sees of each of them, by the real kernel. The same scenes are played on hosts of a
 * world in test/node/faults.test.ts, which must come to the same.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { needs } from '../needs.ts';
import { CABLE_SCENES } from '../node/cable-scenes.ts';
import { judgeCable } from '../node/cable-world.ts';
import { SCENES } from '../node/fault-scenes.ts';
import { judgeNames, NAME_SCENES } from '../node/name-scenes.ts';
import { recordResult } from '../results.ts';
import { CableStage } from './cable-linux.ts';
import { LinuxStage } from './fault-linux.ts';
import { playNamesOnLinux } from './name-linux.ts';

/** Most of the time nothing happens in a scene: a few are played side by side. */
const AT_A_TIME = 6;

/**
 * Linux's timers are never early, and late by up to an eighth: so coarse are the slots of its timer wheel (kernel/time/timer.c, 8 ticks
 * where 63 have passed). What is seen of it comes through two processes on a machine that plays six scenes: a second at most.
 */
const EARLY_S = 0.05, LATE = 1.13, SEEN_LATE_S = 1;

/** Those that counted something. */
const counted = (counters: readonly [string, number][]): Record<string, number> => Object.fromEntries(counters.filter(([, count]) => count > 0));

/** What the kernel did, for the record: by scene. */
const seen: Record<string, unknown> = {};
after(() => recordResult('faults-by-linux', { scenes: SCENES.length + CABLE_SCENES.length + NAME_SCENES.length, seen }));

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

describe('name servers that fail, by the C library and c-ares', { concurrency: AT_A_TIME }, () => {
  for (const scene of NAME_SCENES) {
    test(scene.name, { ...needs('root', 'namespaces', 'ip', 'sysctl'), timeout: 120_000 }, async () => {
      const played = await playNamesOnLinux(scene);
      seen[scene.name] = { client: played.client.map(([what, seconds]) => `${what} after ${seconds.toFixed(2)} s`), asked: played.asked };
      judgeNames(scene, played, EARLY_S, SEEN_LATE_S);
    });
  }
});

// One after the other: the wire is in this process, and what another scene's set-up takes from it would be weather, too.
describe('weather of a cable, by the real kernel', () => {
  for (const scene of CABLE_SCENES) {
    test(scene.name, { ...needs('root', 'namespaces', 'tap', 'ip', 'sysctl'), timeout: 120_000 }, async () => {
      const played = await new CableStage(scene).play();
      const counters = ['TcpRetransSegs', 'TcpExtTCPOFOQueue', 'TcpInCsumErrors', 'TcpExtTCPDSACKOldSent'];
      seen[scene.name] = {
        client: played.client, seconds: Number(played.seconds.toFixed(2)), wires: played.wires.map((wire) => counted(Object.entries(wire))),
        tcp: counted(counters.map((name) => [name, played.counted(name)])),
      };
      judgeCable(scene, played, EARLY_S, SEEN_LATE_S);
    });
  }
});
