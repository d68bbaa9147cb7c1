/**
 * Name servers that fail, each told once and played twice: on hosts of a world (name-world.ts), and on Linux, where the client's resolvers
 * are the C library's and c-ares (test/interop/name-linux.ts).
 *
 *   client 10.0.1.1 ---- 10.0.1.2, 10.0.1.3: name servers, and a server on port 80
 */
import { deepEqual, ok } from 'node:assert/strict';
import type { NameServerDoes } from './fault-programs.ts';

export const NAME = 'db.example';
/** Of a `dns.Resolver`; resolv.conf says the same to the C library. */
export const RESOLVING = { timeout: 1000, tries: 2 };
const ADDRESSES = ['10.0.1.2', '10.0.1.3'] as const;

export interface NameScene {
  readonly name: string;
  /** At 10.0.1.2, and at 10.0.1.3; null: nobody listens there. */
  readonly servers: readonly (NameServerDoes | null)[];
  /** What the client says, and after how many seconds; for c-ares after how many at least and at most, where chance has a say. */
  readonly client: readonly (readonly [what: string, seconds: number, cares?: readonly [number, number]])[];
  /** What the servers were asked, each in order. */
  readonly asked: readonly string[];
}

export interface NamesPlayed {
  readonly client: readonly (readonly [what: string, seconds: number])[];
  readonly asked: readonly string[];
}

export function resolvConf({ servers }: NameScene): string {
  return [...servers.map((_, i) => `nameserver ${addressOf(i)}`), 'options timeout:1 attempts:2', ''].join('\n');
}

export const addressOf = (server: number): string => ADDRESSES[server] as string;

/**
 * Node looks for questions that wait for too long once a second, so that one of a second may be noticed as late as after two; and
 * c-ares takes something off each further wait by chance, down to the first one.
 */
const NOTICED_S = [1, 2.05] as const, SPENT_S = [2, 5.05] as const;

const fails = (lookup: string, resolve: string): NameScene['client'] => [
  [`lookup: getaddrinfo ${lookup}`, 0], [`resolve4: queryA ${resolve}`, 0], [`connect: getaddrinfo ${lookup.split(' ')[0]}`, 0], ['close true', 0],
];
const succeeds = (seconds: readonly [number, number, number], cares?: readonly [number, number]): NameScene['client'] => [
  ['lookup: 10.0.1.2', seconds[0]], cares === undefined ? ['resolve4: 10.0.1.2', seconds[1]] : ['resolve4: 10.0.1.2', seconds[1], cares],
  ['connect: 10.0.1.2', seconds[2]], ['close false', 0],
];
/** Of `lookup`, of `resolve4`, and of `connect`, which asks for IPv6 addresses only where there are some (AI_ADDRCONFIG). */
const ASKED_ONCE = 'A AAAA, A, A', ASKED_AGAIN = 'A AAAA A AAAA, A, A A';

export const NAME_SCENES: readonly NameScene[] = [
  { name: 'a name server answers', servers: ['answers'], client: succeeds([0, 0, 0]), asked: [ASKED_ONCE] },
  {
    name: 'a silent name server', servers: ['silent'], asked: ['A AAAA A AAAA, A A, A A'],
    client: [
      ['lookup: getaddrinfo EAI_AGAIN -3001', 2], ['resolve4: queryA ETIMEOUT', 3, SPENT_S], ['connect: getaddrinfo EAI_AGAIN', 2], ['close true', 0],
    ],
  },
  {
    name: 'a name server that hears only the second question', servers: ['late'], client: succeeds([1, 0, 0]), asked: ['A AAAA A AAAA, A, A'],
  },
  {
    name: 'the first of two name servers is silent', servers: ['silent', 'answers'], client: succeeds([1, 1, 1], NOTICED_S),
    asked: [ASKED_ONCE, ASKED_ONCE],
  },
  {
    // Two refusals for each of the first lookups, and then the server's kernel has said what it says in a second (icmp_ratelimit).
    name: 'nobody listens where the name server should be', servers: [null], asked: [''],
    client: [
      ['lookup: getaddrinfo EAI_AGAIN -3001', 0], ['resolve4: queryA ECONNREFUSED', 0], ['connect: getaddrinfo EAI_AGAIN', 1], ['close true', 0],
    ],
  },
  { name: 'a name server that says SERVFAIL', servers: ['servfail'], client: fails('EAI_AGAIN -3001', 'ESERVFAIL'), asked: [ASKED_AGAIN] },
  { name: 'a name server that refuses', servers: ['refused'], client: fails('EAI_AGAIN -3001', 'EREFUSED'), asked: [ASKED_AGAIN] },
  { name: 'a name server that knows no such name', servers: ['nxdomain'], client: fails('ENOTFOUND -3008', 'ENOTFOUND'), asked: [ASKED_ONCE] },
  { name: 'a name without an address', servers: ['nodata'], client: fails('ENOTFOUND -3007', 'ENODATA'), asked: [ASKED_ONCE] },
];

/** In a world to ten milliseconds, on a machine a little earlier and later. */
export function judgeNames(scene: NameScene, { client, asked }: NamesPlayed, earlyS = 0, lateS = 0): void {
  deepEqual(client.map(([what]) => what), scene.client.map(([what]) => what));
  deepEqual(asked, scene.asked.map((questions) => questions.replaceAll(',', '')));
  client.forEach(([what, seconds], i) => {
    const [, expected, cares = [expected, expected]] = scene.client[i] as NameScene['client'][number];
    const [least, most] = lateS === 0 ? [expected, expected + 0.01] : cares;
    ok(seconds >= least - earlyS && seconds <= most + lateS, `${what} after ${seconds} s, expected ${least} to ${most}`);
  });
}
