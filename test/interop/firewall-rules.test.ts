/**
 * Rules of host.firewall against iptables: sets of rules that the seed chooses, given to the kernel in the very words that
 * `firewall.rules()` prints, and what Node's net and dgram see of each port by both.
 */
import { deepEqual, ok } from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { test } from 'node:test';
import { below, SeededRandom } from '../../src/base/random.ts';
import type { FirewallRule } from '../../src/net/firewall/rules.ts';
import { needs } from '../needs.ts';
import { playRules } from '../node/firewall-world.ts';
import { probes, type Probe } from '../node/fault-programs.ts';
import { seed } from '../results.ts';
import { Namespace } from './namespace.ts';

const SETS = 40;
/** Longer than any answer takes. */
const PATIENCE_MS = 250;

interface RuleSet {
  readonly rules: readonly (readonly ['input' | 'output', FirewallRule])[];
  readonly policies: readonly ['accept' | 'drop', 'accept' | 'drop'];
}

function ruleSet(random: SeededRandom): RuleSet {
  const one = <T>(list: readonly T[]): T => list[below(random, list.length)] as T;
  const rule = (): readonly ['input' | 'output', FirewallRule] => {
    const chain = one(['input', 'input', 'output'] as const);
    const protocol = one(['tcp', 'tcp', 'udp', undefined] as const);
    const ports = one([undefined, 80, [80, 81], [81, 90], 9] as const);
    const peer = one([undefined, undefined, '10.0.9.1', '10.0.9.0/25', '10.0.9.128/25', ['10.0.9.2', '10.0.9.3']] as const);
    const state = one([undefined, undefined, undefined, 'new', 'established', 'invalid', ['new', 'established']] as const);
    const isTcp = protocol === 'tcp';
    const action = one(['accept', 'drop', 'reject', 'prohibited', 'host-unreachable', ...(isTcp ? ['reset'] as const : [])] as const);
    const end = one(['port', 'sourcePort'] as const);
    return [chain, {
      ...(protocol === undefined ? {} : { protocol }),
      ...(protocol === undefined || ports === undefined ? {} : { [chain === 'output' ? one(['sourcePort', end] as const) : one(['port', end] as const)]: ports }),
      ...(peer === undefined ? {} : { [chain === 'input' ? 'from' : 'to']: peer }),
      ...(state === undefined ? {} : { state }),
      ...(isTcp && below(random, 4) === 0 ? { syn: below(random, 2) === 0 } : {}),
      ...(below(random, 5) === 0 ? { [chain === 'input' ? 'in' : 'out']: 'eth0' as never } : {}),
      action,
    } as FirewallRule];
  };
  return {
    rules: Array.from({ length: 1 + below(random, 5) }, rule),
    policies: [below(random, 4) === 0 ? 'drop' : 'accept', below(random, 6) === 0 ? 'drop' : 'accept'],
  };
}

/** From which addresses what is tried. */
const PROBES: readonly Probe[] = ['10.0.9.1', '10.0.9.2', '10.0.9.200'].flatMap((from) => [
  { protocol: 'tcp', from, port: 80 }, { protocol: 'tcp', from, port: 81 }, { protocol: 'tcp', from, port: 9 },
  { protocol: 'udp', from, port: 80 }, { protocol: 'udp', from, port: 9 },
] as const);

test(`${SETS} sets of rules: what gets through, and what is said of the rest, is the same by iptables`, {
  ...needs('root', 'namespaces', 'ip', 'iptables', 'sysctl'), timeout: 240_000,
}, async () => {
  const random = new SeededRandom(`${seed}/firewall`);
  const sets = Array.from({ length: SETS }, () => ruleSet(random));
  const [near, far] = [new Namespace(), new Namespace()];
  try {
    near.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name);
    for (const namespace of [near, far]) namespace.run('sysctl', '-q', '-w', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.conf.all.disable_ipv6=1');
    for (const address of ['10.0.9.1', '10.0.9.2', '10.0.9.200']) near.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    far.run('ip', 'addr', 'add', '10.0.9.100/24', 'dev', 'eth0');
    for (const namespace of [near, far]) namespace.run('ip', 'link', 'set', 'eth0', 'up');
    const server = far.start(process.execPath, '-e', `(${SERVER})(require('node:net'), require('node:dgram'))`);
    await server.says(/ready/);
    const heard = new Map<string, number>();
    for (const [n, { rules, policies }] of sets.entries()) {
      const { words, said } = await playRules(rules, policies, PROBES, PATIENCE_MS, { net, dgram });
      far.run('iptables', '-F');
      for (const line of words) far.run('iptables', ...line.split(' '));
      const text = `(${String(probes)})(require('node:net'), require('node:dgram'), '10.0.9.100', ${JSON.stringify(PROBES)}, ${PATIENCE_MS}, (said) => console.log(JSON.stringify(said)))`;
      const { stdout, stderr } = await near.runBeside([process.execPath, '-e', text]);
      ok(stdout !== '', stderr);
      deepEqual(said, JSON.parse(stdout), `set ${n}, seed ${seed}:\n${words.join('\n')}`);
      for (const one of said) heard.set(one.replace(/^.* /, ''), (heard.get(one.replace(/^.* /, '')) ?? 0) + 1);
    }
    // The sets must be worth something.
    for (const outcome of ['answer', 'ECONNREFUSED', 'EHOSTUNREACH', 'silence']) ok((heard.get(outcome) ?? 0) > 10, `${outcome}: ${JSON.stringify([...heard])}`);
  } finally {
    near.remove();
    far.remove();
  }
});

/** Answers on two ports of TCP and one of UDP; the others are free. */
const SERVER = `(net, dgram) => {
  for (const port of [80, 81]) net.createServer((socket) => socket.on('error', () => {}).end('answer')).listen(port, '0.0.0.0');
  const socket = dgram.createSocket('udp4');
  socket.on('message', (_, { address, port }) => socket.send('answer', port, address, () => {}));
  socket.on('error', () => {});
  socket.bind(80, () => console.log('ready'));
}`;
