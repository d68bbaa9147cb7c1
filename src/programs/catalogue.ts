/**
 * The programs that a host can run by name: what `sockscape NAME ...` and `--run 'NAME ...'` look them up in.
 *
 * Called by src/cli and re-exported by the entry `sockscape/programs`. A new program is a line here.
 */
import type { Program } from '../api/posix/program.ts';
import type { Process } from '../api/posix/process.ts';
import { chargen } from './chargen.ts';
import { discard } from './discard.ts';
import { echo } from './echo.ts';
import { http } from './http.ts';
import { IPCRM_USAGE, ipcrm } from './ipcrm.ts';
import { IPCS_USAGE, ipcs } from './ipcs.ts';
import { lsof } from './lsof.ts';
import { ip, IP_USAGE } from './ip.ts';
import { nameServer } from './name-server.ts';
import { nc } from './nc/nc.ts';
import { NC_USAGE } from './nc/options.ts';
import { PING_USAGE } from './ping/options.ts';
import { ping } from './ping/ping.ts';
import type { Program as Service } from './service.ts';
import { SS_USAGE, ss } from './ss.ts';
import { TCPDUMP_USAGE } from './tcpdump/options.ts';
import { tcpdump } from './tcpdump/tcpdump.ts';
import { telnet, TELNET_USAGE } from './telnet.ts';
import { TRACEROUTE_USAGE } from './traceroute/options.ts';
import { traceroute } from './traceroute/traceroute.ts';
import { wrote } from './wrote.ts';

export interface ProgramEntry {
  readonly name: string;
  readonly run: Program;
  /** One line of `sockscape --help`. */
  readonly summary: string;
  /** What `sockscape NAME --help` prints: how it is called, and its options. */
  readonly usage: string;
  /** It reads its standard input; others do not need a terminal. */
  readonly readsInput: boolean;
}

function service(run: Service): Program {
  return (process: Process, args) => run(process, args);
}

const ENTRIES: readonly ProgramEntry[] = [
  { name: 'ping', run: ping, readsInput: false, summary: 'asks a host whether it is there', usage: PING_USAGE },
  { name: 'nc', run: nc, readsInput: true, summary: 'connections and datagrams, out and in', usage: NC_USAGE },
  {
    name: 'tcpdump', run: (process, args) => tcpdump(process, args), readsInput: false,
    summary: 'prints what passes at the interfaces', usage: TCPDUMP_USAGE,
  },
  { name: 'telnet', run: telnet, readsInput: true, summary: 'talks to a server line by line', usage: TELNET_USAGE },
  { name: 'traceroute', run: traceroute, readsInput: false, summary: 'shows the way to a host', usage: TRACEROUTE_USAGE },
  {
    name: 'echo-server', run: service(echo), readsInput: false,
    summary: 'sends back what it gets (RFC 862)', usage: 'usage: echo-server [PORT]\n',
  },
  {
    name: 'discard-server', run: service(discard), readsInput: false,
    summary: 'forgets what it gets (RFC 863)', usage: 'usage: discard-server [PORT]\n',
  },
  {
    name: 'chargen-server', run: service(chargen), readsInput: false,
    summary: 'sends without an end (RFC 864)', usage: 'usage: chargen-server [PORT]\n',
  },
  {
    name: 'http-server', run: service(http), readsInput: false,
    summary: 'a status page, and /bytes/N', usage: 'usage: http-server [PORT]\n',
  },
  {
    name: 'ip', run: ip, readsInput: false,
    summary: 'shows and changes links, addresses, routes and neighbours', usage: IP_USAGE,
  },
  {
    name: 'name-server', run: service(nameServer), readsInput: false,
    summary: 'answers for zones, each an argument', usage: 'usage: name-server [-p PORT] ZONE...\n',
  },
  {
    name: 'wrote-server', run: service(wrote), readsInput: false,
    summary: "answers each line with 'You wrote: LINE'", usage: 'usage: wrote-server [PORT]\n',
  },
  {
    name: 'lsof', run: lsof, readsInput: false, summary: 'who has which files and sockets open',
    usage: 'usage: lsof [-alnPRtU] [+c WIDTH] [-c COMMAND] [-d FD,...] [-F [LETTERS]] [-i [[46][PROTOCOL][@HOST][:PORT]]] [-p PID,...]\n            [-s PROTOCOL:STATE,...] [-u USER,...] [NAME...]\n',
  },
  { name: 'ss', run: ss, readsInput: false, summary: 'sockets, their ends, states and owners', usage: SS_USAGE },
  { name: 'ipcs', run: ipcs, readsInput: false, summary: 'System V message queues, shared memory, semaphores', usage: IPCS_USAGE },
  { name: 'ipcrm', run: ipcrm, readsInput: false, summary: 'removes message queues, shared memory, semaphores', usage: IPCRM_USAGE },
];

/** By name. */
export const CATALOGUE: ReadonlyMap<string, ProgramEntry> = new Map(ENTRIES.map((entry) => [entry.name, entry]));
