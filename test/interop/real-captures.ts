/**
 * What Linux puts on a wire, captured by Debian's tcpdump: two namespaces and a veth between them, over which ping, curl, dig,
 * traceroute and traffic.py talk. Used by filter-captures.test.ts.
 *
 * The link types are those that Linux has: Ethernet at the veth (with tags, and LLC frames of a bridge), both cooked ones at
 * `any`, and none at a TUN device.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPcap, readPcapInterface } from '../../src/capture/pcap.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { root } from '../results.ts';
import type { FilteredPacket } from './filter-packets.ts';
import { Namespace } from './namespace.ts';

export const CAPTURE_NEEDS = ['root', 'namespaces', 'tap', 'ip', 'tcpdump', 'python3', 'ping', 'curl', 'dig', 'traceroute'] as const;

const ONE = '10.0.0.1';
const TWO = '10.0.0.2';
const CAPTURES: readonly { readonly linkType: number; readonly options: readonly string[] }[] = [
  { linkType: LinkType.Ethernet, options: ['-i', 'va'] },
  { linkType: LinkType.LinuxSll, options: ['-i', 'any', '-y', 'LINUX_SLL'] },
  { linkType: LinkType.LinuxSll2, options: ['-i', 'any', '-y', 'LINUX_SLL2'] },
  { linkType: LinkType.Raw, options: ['-i', 'tun0'] },
];

/** Captured packets by link type. */
export async function realCaptures(): Promise<Map<number, FilteredPacket[]>> {
  const [one, two] = [new Namespace(), new Namespace()];
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-captures-'));
  try {
    wireUp(one, two);
    const script = join(root, 'test/interop/traffic.py');
    const server = two.start('python3', script, 'serve', 'vb', TWO, ONE);
    const talker = one.start('python3', script, 'talk', 'va', ONE, TWO);
    await server.says(/^ready$/m);
    await talker.says(/^ready$/m);
    const captures = CAPTURES.map(({ linkType, options }) => ({ linkType, file: join(folder, `${linkType}.pcap`), options }));
    const dumps = captures.map(({ file, options }) => one.start('tcpdump', '-n', '-B', '16384', '-w', file, ...options));
    for (const dump of dumps) await dump.says(/listening on/, 'stderr');
    await talk(one);
    talker.child.stdin?.write('talk\n');
    await talker.says(/^talked$/m);
    // A bridge says its spanning tree's first words when it comes up.
    one.run('ip', 'link', 'set', 'br0', 'up');
    await one.runBeside(['sleep', '2.5']);
    for (const dump of dumps) {
      const { stderr } = await dump.stop('SIGINT');
      if (!/^0 packets dropped by kernel$/m.test(stderr)) throw new Error(`a capture is not whole: ${stderr}`);
    }
    return new Map(captures.map(({ linkType, file }) => [linkType, read(linkType, readFileSync(file))]));
  } finally {
    one.remove();
    two.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function wireUp(one: Namespace, two: Namespace): void {
  one.run('ip', 'link', 'add', 'va', 'address', '02:00:00:00:00:01', 'type', 'veth', 'peer', 'name', 'vb', 'netns', two.name);
  two.run('ip', 'link', 'set', 'vb', 'address', '02:00:00:00:00:02');
  for (const [namespace, device, number] of [[one, 'va', 1], [two, 'vb', 2]] as const) {
    namespace.run('ip', 'address', 'add', `10.0.0.${number}/24`, 'broadcast', '+', 'dev', device);
    namespace.run('ip', 'address', 'add', `2001:db8::${number}/64`, 'dev', device, 'nodad');
    namespace.run('ip', 'link', 'set', device, 'up');
  }
  one.run('ip', 'link', 'add', 'b1', 'type', 'veth', 'peer', 'name', 'b2');
  one.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '1', 'forward_delay', '200');
  one.run('ip', 'link', 'set', 'b1', 'master', 'br0');
  for (const device of ['b1', 'b2']) one.run('ip', 'link', 'set', device, 'up');
}

/** On the wire, through the tag and through the tunnel; both families. What fails to be answered is traffic too. */
async function talk(one: Namespace): Promise<void> {
  const pairs = [[TWO, '2001:db8::2'], ['10.5.0.2', '2001:db8:5::2'], ['10.1.2.2', '2001:db8:1::2'], ['127.0.0.1', '::1']] as const;
  const words: string[][] = [];
  for (const [v4, v6] of pairs) {
    words.push(['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', v4], ['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', v6]);
    words.push(['ping', '-n', '-c', '1', '-W', '1', '-s', '4000', v4], ['ping', '-n', '-c', '1', '-W', '1', '-s', '4000', v6]);
    words.push(['curl', '-s', '-m', '3', '-o', '/dev/null', `http://${v4}/`], ['curl', '-s', '-m', '3', '-o', '/dev/null', `http://[${v6}]/`]);
    words.push(['dig', `@${v4}`, '+tries=1', '+time=1', 'example.org'], ['dig', `@${v6}`, '+tries=1', '+time=1', '-x', '10.0.0.1']);
    words.push(['traceroute', '-n', '-q', '1', '-w', '0.3', '-m', '2', v4], ['traceroute', '-n', '-q', '1', '-w', '0.3', '-m', '2', v6]);
  }
  await Promise.all(words.map((each) => one.runBeside(each)));
}

function read(linkType: number, file: Uint8Array): FilteredPacket[] {
  const bytes = new Uint8Array(file);
  const found = readPcapInterface(bytes).linkType;
  if (found !== linkType) throw new Error(`the capture has link type ${found}, not ${linkType}`);
  return [...readPcap(bytes)].map((packet) => ({ bytes: Uint8Array.from(packet.bytes), length: packet.originalLength }));
}
