/** What the tests of the resolver share: a client and name servers on one switch, and servers that do what a test says. */
import { SOCK_DGRAM } from '../../src/api/posix/constants.ts';
import { type DnsMessage, encodeDnsMessage, parseDnsMessage } from '../../src/api/posix/dns.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn } from '../../src/api/posix/sockaddr.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { nameServer } from '../../src/programs/name-server.ts';
import type { World, WorldCableOptions } from '../../src/sim/world.ts';

/** 192.0.2.1; the servers are 192.0.2.53, .54 and .55. */
export interface ResolverWorld {
  readonly world: World;
  readonly client: Host;
  readonly process: Process;
  readonly servers: readonly Host[];
}

export const ZONE = `
$ORIGIN example.org.
@      SOA ns admin 1 7200 900 1209600 300
       NS  ns
ns     A   192.0.2.53
www    CNAME web
web    A   192.0.2.80
       AAAA 2001:db8::80
four   A   192.0.2.4
six    AAAA 2001:db8::6
note   TXT none
bad    CNAME a\\032b
loop   CNAME pool
pool   CNAME loop
host.sub A 192.0.2.99
${Array.from({ length: 60 }, (_, i) => `many A 198.51.100.${i + 1}`).join('\n')}
`;
export const REVERSE = `
$ORIGIN 2.0.192.in-addr.arpa.
@      SOA ns.example.org. admin.example.org. 1 7200 900 1209600 300
80     PTR web.example.org.
81     PTR not\\032a\\032host.
`;

/** Runs `body` with `count` servers that nothing runs on yet; `options` are the words of resolv.conf. */
export function withServers(
  count: number, options: string, body: (world: ResolverWorld) => Promise<void>, cable: WorldCableOptions = {}, seed: string | number = 1,
): Promise<void> {
  return simulate({ seed }, async (world) => {
    const bridge = world.switch();
    const client = world.host('client');
    world.cable(client, bridge, { addressA: ['192.0.2.1/24', '2001:db8::1/64'], ...cable });
    const servers = Array.from({ length: count }, (_, i) => {
      const server = world.host(`server${i}`);
      world.cable(server, bridge, { addressA: `192.0.2.${53 + i}/24` });
      return server;
    });
    const lines = servers.map((_, i) => `nameserver 192.0.2.${53 + i}`);
    client.writeFile('/etc/resolv.conf', `${lines.join('\n')}\n${options}\n`);
    await body({ world, client, process: new Process(client, 'client'), servers });
  });
}

/** Our name server, with the zones above. */
export async function serve(host: Host, ...zones: string[]): Promise<void> {
  const process = new Process(host, 'name-server', { output: (bytes) => console.error(new TextDecoder().decode(bytes)) });
  await new Promise<void>((listening, reject) => {
    const ended = nameServer(process, zones.length > 0 ? zones : [ZONE, REVERSE], listening);
    ended.then((status) => reject(new Error(`status ${status}`)), reject);
  });
}

/** What a scripted server may do with a query. */
export interface Asked {
  readonly query: DnsMessage;
  /** Its text: name and type. */
  readonly words: string;
  readonly from: Uint8Array;
  readonly process: Process;
  reply(change: Partial<DnsMessage>): Promise<void>;
  send(bytes: Uint8Array): Promise<void>;
}

/** A server over UDP that does what `act` says; returns the list of what it was asked, which grows. */
export async function scripted(host: Host, act: (asked: Asked) => Promise<void> | void): Promise<string[]> {
  const process = new Process(host, 'scripted');
  const fd = await process.socket(2, SOCK_DGRAM, 0);
  await process.bind(fd, sockaddrIn('0.0.0.0', 53));
  const log: string[] = [];
  void (async () => {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const { count, address } = await process.recvfrom(fd, buffer, 0).catch(() => ({ count: -1, address: buffer }));
      if (count < 0) return;
      const query = parseDnsMessage(buffer.slice(0, count));
      if (typeof query === 'number') throw new Error(`the client sent what is no message: ${query}`);
      const words = query.questions.map(({ name, type }) => `${name} ${type}`).join();
      log.push(words);
      const send = async (bytes: Uint8Array): Promise<void> => {
        await process.sendto(fd, bytes, 0, address);
      };
      const reply = (change: Partial<DnsMessage>): Promise<void> =>
        send(encodeDnsMessage({ ...query, isResponse: true, recursionAvailable: true, ...change }));
      await act({ query, words, from: address, process, reply, send });
    }
  })();
  return log;
}
