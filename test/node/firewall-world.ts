/** Plays sets of rules on a host of a world: what firewall-rules.test.ts compares with iptables. */
import type dgram from 'node:dgram';
import type net from 'node:net';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Chain, FirewallRule } from '../../src/net/firewall/rules.ts';
import { type Probe, probes } from './fault-programs.ts';

/** The rules in iptables' words, and what the probes of a neighbour say of them. `eth0` as a device is the host's. */
export function playRules(
  rules: readonly (readonly [Chain, FirewallRule])[], policies: readonly ['accept' | 'drop', 'accept' | 'drop'], list: readonly Probe[],
  patienceMs: number, modules: { readonly net: typeof net; readonly dgram: typeof dgram },
): Promise<{ words: string[]; said: string[] }> {
  return simulate({ seed: 1 }, async (world) => {
    const [near, far] = [world.host('near'), world.host('far')];
    const cable = world.cable(near, far, {
      addressA: ['10.0.9.1/24', '10.0.9.2/24', '10.0.9.200/24'], addressB: '10.0.9.100/24',
    });
    for (const host of [near, far]) host.sysctl('net.ipv4.icmp_ratelimit', 0);
    await far.run(() => new Promise<void>((resolve) => {
      for (const port of [80, 81]) modules.net.createServer((socket) => socket.on('error', () => {}).end('answer')).listen(port, '0.0.0.0');
      const socket = modules.dgram.createSocket('udp4');
      socket.on('message', (_, { address, port }) => socket.send('answer', port, address, () => {}));
      socket.on('error', () => {});
      socket.bind(80, resolve);
    }));
    far.firewall.policy('input', policies[0]);
    far.firewall.policy('output', policies[1]);
    for (const [chain, rule] of rules) {
      const devices = { ...('in' in rule ? { in: cable.b } : {}), ...('out' in rule ? { out: cable.b } : {}) };
      far.firewall.append(chain, { ...rule, ...devices });
    }
    const said = await near.run(() => new Promise<string[]>((resolve) => {
      probes(modules.net, modules.dgram, '10.0.9.100', list, patienceMs, resolve);
    }));
    return { words: far.firewall.rules(), said };
  });
}
