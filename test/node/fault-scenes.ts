/**
 * The scenes of faults.test.ts, each told once and played twice: on hosts of a world and between namespaces of Linux, where the
 * same faults are made with ip, iptables and kill.
 *
 *   client 10.0.1.1 -- 10.0.1.2 router 10.0.2.1 -- 10.0.2.2 server, which listens on port 80
 *
 * Retries are few (tcp_retries2, tcp_syn_retries), on both sides the same.
 */

/** What can be done to the three machines. */
export type Fault =
  | 'drop' | 'reset' | 'port-unreachable' | 'host-unreachable' | 'prohibited' | 'stateful' | 'stateful-reset' | 'forget' | 'masquerade'
  | 'allow' | 'cut near' | 'cut far' | 'mend near' | 'mend far' | 'link down' | 'link up' | 'route removed' | 'stop server' | 'continue server'
  | 'kill server' | 'crash server' | 'restart server' | 'one way there' | 'one way back' | 'router stops forwarding'
  | 'server drops' | 'server rejects' | 'server prohibits' | 'server resets' | 'client forbids itself' | 'client rejects itself';

/** A line of a scene: a fault, a command to one of the programs, or what is waited for. */
export type Step =
  | { readonly fault: Fault }
  | { readonly client: string; readonly n?: number }
  | { readonly server: string }
  /** Another client begins. */
  | { readonly connect: true }
  /** Until the nth client (the first) has said something that begins so. */
  | { readonly until: string; readonly n?: number }
  /** So many seconds pass. */
  | { readonly pass: number };

export interface Scene {
  readonly name: string;
  readonly steps: readonly Step[];
  /** What the (first) client says, in order; of several all, `1: connect` and on, sorted. */
  readonly client: readonly string[];
  readonly server?: readonly string[];
  readonly backlog?: number;
  /** From the client's last `write` to its end: silence is given up after so long. */
  readonly seconds?: number;
  /** By the kernel, where docs/deviations.md says that it differs. */
  readonly linuxSeconds?: number;
  /** On the client, in place of those of SYSCTLS. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** Neighbours are given up after three seconds, which is just when three retries are spent: here the limit comes behind. */
const MORE_RETRIES = { 'net.ipv4.tcp_retries2': '4' };

/** A loss probe, and retries 0.2, 0.4, 0.8, 1.6 and 3.2 seconds apart. */
const SILENCE_S = 6.42;

/**
 * Each report of a router takes back a doubling (RFC 6069): the retries are spent after 3.41 s, and not after SILENCE_S. Behind a cut
 * cable the router reports what waited when it gives its neighbour up, after 3 s and after 6: 6.60 s, and 12.85 without it.
 */
const REPORTED_S = 3.41, GIVEN_UP_S = 6.6;

const greeting: readonly Step[] = [{ connect: true }, { until: 'connect' }, { client: 'write one' }, { until: 'data one' }];
const greeted = ['connect', 'data one'] as const;
const two: readonly Step[] = [{ client: 'write two' }, { until: 'close' }];
const dies = (code: string): readonly string[] => [...greeted, `error read ${code}`, 'close true after 3 bytes'];
const refused = (code: string): readonly string[] => [`error connect ${code}`, 'close true after 0 bytes'];

/** Linux takes notice of a lost carrier within a second (linkwatch), and forgets its neighbours then. */
const settling = (fault: Fault): readonly Step[] => (fault.startsWith('cut') ? [{ pass: 1.5 }] : []);

/** A connection is there, something happens, and the client writes. */
const midway = (name: string, fault: Fault, code: string, seconds?: number): Scene => (
  { name, steps: [...greeting, { fault }, ...settling(fault), ...two], client: dies(code), ...(seconds === undefined ? {} : { seconds }) }
);
/** Something is so already when the client connects. */
const atFirst = (name: string, fault: Fault, code: string): Scene => (
  { name, steps: [{ fault }, ...settling(fault), { connect: true }, { until: 'close' }], client: refused(code) }
);

export const SCENES: readonly Scene[] = [
  midway('a router begins to drop silently', 'drop', 'ETIMEDOUT', SILENCE_S),
  midway('a router begins to answer with RST', 'reset', 'ECONNRESET'),
  midway('a router begins to answer "port unreachable"', 'port-unreachable', 'ECONNREFUSED', SILENCE_S),
  midway('a router begins to answer "host unreachable"', 'host-unreachable', 'EHOSTUNREACH', REPORTED_S),
  midway('a router begins to answer "prohibited"', 'prohibited', 'EHOSTUNREACH', SILENCE_S),
  midway('a router does not forward any more', 'router stops forwarding', 'ETIMEDOUT', SILENCE_S),
  midway('the way there alone is closed', 'one way there', 'ETIMEDOUT', SILENCE_S),
  midway('the way back alone is closed', 'one way back', 'ETIMEDOUT', SILENCE_S),
  { ...midway('the cable behind a live router is cut', 'cut far', 'EHOSTUNREACH', GIVEN_UP_S), sysctls: MORE_RETRIES },
  { ...midway('the own cable is cut', 'cut near', 'EHOSTUNREACH', GIVEN_UP_S), linuxSeconds: 9.1, sysctls: MORE_RETRIES },
  midway('the interface goes down', 'link down', 'ETIMEDOUT', 3.01),
  midway('the route is removed', 'route removed', 'ETIMEDOUT', 3.01),
  midway('the client\'s own firewall drops', 'client forbids itself', 'ETIMEDOUT', 3.01),
  {
    name: 'a stateful firewall forgets a flow, and drops what it does not know',
    steps: [{ fault: 'stateful' }, ...greeting, { fault: 'forget' }, ...two], client: dies('ETIMEDOUT'), seconds: SILENCE_S,
  },
  {
    name: 'a stateful firewall forgets a flow, and answers with RST',
    steps: [{ fault: 'stateful-reset' }, ...greeting, { fault: 'forget' }, ...two], client: dies('ECONNRESET'),
  },
  {
    name: 'a masquerading router forgets a flow, and the client speaks first: nothing is lost',
    steps: [{ fault: 'masquerade' }, ...greeting, { fault: 'forget' }, { client: 'write two' }, { until: 'data two' }],
    client: [...greeted, 'data two'],
  },
  {
    name: 'a masquerading router forgets a flow, and the server speaks first: it hears a RST, and the client another',
    steps: [
      { fault: 'masquerade' }, ...greeting, { fault: 'forget' }, { server: 'write news' }, { pass: 1 }, ...two,
    ],
    client: dies('ECONNRESET'),
    server: ['listening', 'connection', 'data one', 'error read ECONNRESET', 'close'],
  },
  {
    ...midway('the cable behind a masquerading router is cut: its ICMP finds the way inside', 'cut far', 'EHOSTUNREACH', GIVEN_UP_S), sysctls: MORE_RETRIES,
    steps: [{ fault: 'masquerade' }, ...greeting, { fault: 'cut far' }, { pass: 1.5 }, ...two],
  },
  {
    ...atFirst('connecting by a masquerading router to a port that the server answers by ICMP', 'server rejects', 'ECONNREFUSED'),
    steps: [{ fault: 'masquerade' }, { fault: 'server rejects' }, { connect: true }, { until: 'close' }],
  },
  {
    name: 'drops end before the retries do: everything arrives',
    steps: [...greeting, { fault: 'drop' }, { client: 'write two' }, { pass: 1 }, { fault: 'allow' }, { until: 'data two' }],
    client: [...greeted, 'data two'],
  },
  {
    name: 'a cut cable that is mended in time loses nothing, and nobody hears of it',
    steps: [...greeting, { fault: 'cut far' }, { client: 'write two' }, { pass: 1 }, { fault: 'mend far' }, { until: 'data two' }],
    client: [...greeted, 'data two'],
  },
  {
    name: 'the server\'s programs are stopped (SIGSTOP): its kernel accepts and acknowledges; they go on: all is answered',
    steps: [
      ...greeting, { fault: 'stop server' }, { client: 'write two' }, { pass: 3 }, { connect: true }, { until: 'connect', n: 1 },
      { fault: 'continue server' }, { until: 'data two' },
    ],
    client: ['0: connect', '0: data one', '0: data two', '1: connect'],
  },
  {
    name: 'the server does not accept: its queue is full with backlog + 1, and the next one is timed out',
    backlog: 1,
    steps: [
      { fault: 'stop server' }, { connect: true }, { until: 'connect' }, { connect: true }, { until: 'connect', n: 1 }, { connect: true },
      { until: 'close', n: 2 },
    ],
    client: ['0: connect', '1: connect', '2: close true after 0 bytes', '2: error connect ETIMEDOUT'],
  },
  {
    name: 'the server\'s process is killed: its kernel says FIN',
    steps: [...greeting, { fault: 'kill server' }, { until: 'close' }],
    client: [...greeted, 'end', 'close false after 3 bytes'],
  },
  {
    name: 'the server\'s machine crashes and comes back: its new kernel says RST',
    steps: [...greeting, { fault: 'crash server' }, { pass: 1 }, { client: 'write two' }, { pass: 0.5 }, { fault: 'restart server' }, { until: 'close' }],
    client: dies('ECONNRESET'),
  },
  midway('the server\'s machine crashes and stays away', 'crash server', 'ETIMEDOUT', SILENCE_S),
  atFirst('connecting where a router drops', 'drop', 'ETIMEDOUT'),
  atFirst('connecting where a router answers with RST', 'reset', 'ECONNREFUSED'),
  atFirst('connecting where a router answers "port unreachable"', 'port-unreachable', 'ECONNREFUSED'),
  atFirst('connecting where a router answers "host unreachable"', 'host-unreachable', 'EHOSTUNREACH'),
  atFirst('connecting where a router answers "prohibited"', 'prohibited', 'EHOSTUNREACH'),
  atFirst('connecting to a port that the server\'s firewall answers by ICMP', 'server rejects', 'ECONNREFUSED'),
  atFirst('connecting to a port that it prohibits', 'server prohibits', 'EHOSTUNREACH'),
  atFirst('connecting to a port that it drops', 'server drops', 'ETIMEDOUT'),
  atFirst('connecting to a port that it resets', 'server resets', 'ECONNREFUSED'),
  atFirst('connecting when the own firewall rejects', 'client rejects itself', 'ECONNREFUSED'),
  atFirst('connecting when the cable behind the router is cut', 'cut far', 'EHOSTUNREACH'),
  atFirst('connecting when the own cable is cut', 'cut near', 'EHOSTUNREACH'),
  atFirst('connecting when the interface is down', 'link down', 'ENETUNREACH'),
  atFirst('connecting without a route', 'route removed', 'ENETUNREACH'),
];

/** On both sides alike, in the client's and the server's namespace. */
export const SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.tcp_retries1': '2', 'net.ipv4.tcp_retries2': '3', 'net.ipv4.tcp_syn_retries': '2', 'net.ipv4.tcp_synack_retries': '1',
  'net.ipv4.tcp_syn_linear_timeouts': '1',
};
