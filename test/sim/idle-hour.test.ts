/** The hour that `bench sim-hour` measures has the events that it must have, no fewer and no more: what a benchmark leaves out costs nothing. */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as sockscape from '../../src/entry/index.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { eventBounds, idleHour } from '../bench/programs/idle-hour.mjs';

const sum = (hosts: readonly Host[], name: string): number => hosts.reduce((total, host) => total + (host.nstat()[name] ?? 0), 0);

for (const seed of [1, 2]) {
  test(`an hour of a thousand idle connections: probes, questions of ARP and events, by seed ${seed}`, async () => {
    const before = { probes: 0, questions: 0, segments: 0 };
    const count = (hosts: readonly Host[]): typeof before => ({
      probes: sum(hosts, 'TcpExtTCPKeepAlive'), questions: sum(hosts, 'ArpOutRequests'), segments: sum(hosts, 'TcpOutSegs'),
    });
    await idleHour({ ...sockscape, simulate }, seed, (hosts) => Object.assign(before, count(hosts)), (events, hosts) => {
      const bounds = eventBounds(hosts);
      const after = count(hosts);
      const counted = { probes: after.probes - before.probes, questions: after.questions - before.questions, events };
      for (const name of ['probes', 'questions', 'events'] as const) {
        const { least, most } = bounds[name];
        ok(counted[name] >= least && counted[name] <= most, `${counted[name]} ${name}, expected ${least} to ${most}`);
        // Both sides are near: half as many, or half as many again, would be seen.
        ok(most < least * 1.35, `${least} to ${most} ${name}`);
      }
      const segments = after.segments - before.segments;
      ok(Math.abs(segments - 2 * counted.probes) <= 2, `${segments} segments: each probe, and an answer to each`);
    });
  });
}
