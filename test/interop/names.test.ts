/**
 * getaddrinfo, getnameinfo and their kin against the machine's C library: the same files, the same addresses and routes,
 * more than a thousand questions. On Linux in a namespace whose /etc holds nothing else.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { needs } from '../needs.ts';
import { interopWorld } from './hosts.ts';
import { CASES, HOSTS, PROTOCOLS, SERVICES } from './names/cases.ts';
import { LinuxNames, showDifferences } from './names/linux-names.ts';
import { ourNames } from './names/our-names.ts';

const HOSTNAME = 'own.example.org';
/** Nobody listens there: a query is refused at once. */
const RESOLV_CONF = 'nameserver 127.0.0.1\n';

/** Addresses and routes of eth0, as `ip` takes them on Linux. */
interface Setup {
  readonly title: string;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

const SETUPS: readonly Setup[] = [
  { title: 'no address but loopback', addresses: [], gateways: [] },
  { title: 'IPv4 alone', addresses: ['192.0.2.1/24'], gateways: ['192.0.2.254'] },
  { title: 'IPv6 alone', addresses: ['2001:db8::1/64'], gateways: ['2001:db8::fe'] },
  { title: 'both, on one link', addresses: ['192.0.2.1/24', '2001:db8::1/64'], gateways: [] },
  { title: 'both, with routers', addresses: ['192.0.2.1/24', '2001:db8::1/64'], gateways: ['192.0.2.254', '2001:db8::fe'] },
  {
    title: 'private and unique local addresses', addresses: ['10.9.8.1/16', '192.0.2.1/25', 'fd00::1/64', '2001:db8::1/64'],
    gateways: ['10.9.8.2', '2001:db8::fe'],
  },
];

/** The commands that set eth0 up in a namespace. */
function linuxCommands({ addresses, gateways }: Setup): string[] {
  return [
    'ip link set lo up', 'ip link add eth0 type veth peer name peer0',
    // No address of its own making on the other end, and no test of the addresses on this one.
    'echo 1 > /proc/sys/net/ipv6/conf/peer0/disable_ipv6', 'echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad',
    ...(addresses.some((each) => each.includes(':')) ? [] : ['echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6']),
    'ip link set peer0 up', 'ip link set eth0 up',
    ...addresses.map((each) => `ip addr add ${each} dev eth0 ${each.includes(':') ? 'nodad' : ''}`),
    ...gateways.map((each) => `ip ${each.includes(':') ? '-6' : ''} route add default via ${each}`),
  ];
}

function ourAnswers({ addresses, gateways }: Setup, lines: readonly string[]): Promise<string[]> {
  return interopWorld({ seed: 1 }, async (world) => {
    const host = world.host(HOSTNAME);
    const cable = world.cable(host, world.host('peer'), { nameA: 'eth0', addressA: addresses, addressB: [] });
    for (const gateway of gateways) host.addRoute('default', { via: gateway });
    for (const [name, text] of [['hosts', HOSTS], ['services', SERVICES], ['protocols', PROTOCOLS], ['resolv.conf', RESOLV_CONF]]) {
      host.writeFile(`/etc/${name}`, text);
    }
    // Link-local addresses are tested before they are used.
    await world.sleep(3e6);
    if (!addresses.some((each) => each.includes(':'))) withoutLinkLocal(host, cable.a);
    const process = new Process(host, 'names');
    const answers: string[] = [];
    for (const line of lines) answers.push(await ourNames(process, line));
    return answers;
  });
}

function withoutLinkLocal(host: Process['host'], device: Parameters<Process['host']['attach']>[0]): void {
  const own = host.network.interfaceOf(device)?.linkLocal();
  if (own) host.network.removeAddress(device, own.address);
}

describe('names as the C library has them', { ...needs('root', 'namespaces', 'ip', 'gcc'), timeout: 300_000 }, () => {
  let library: LinuxNames;
  before(() => {
    library = new LinuxNames({ hosts: HOSTS, services: SERVICES, protocols: PROTOCOLS, 'resolv.conf': RESOLV_CONF });
  });
  after(() => library.remove());
  for (const setup of SETUPS) {
    test(setup.title, async () => {
      const linux = library.answers(['unshare', '--net', '--uts'], [`hostname ${HOSTNAME}`, ...linuxCommands(setup)], CASES);
      ok(CASES.length > 1500);
      deepEqual(showDifferences(CASES, linux, await ourAnswers(setup, CASES)), []);
    });
  }
});
