/**
 * `sockscape demo`: two hosts on a cable, a server that answers `You wrote: LINE`, and the live lines of a tcpdump on
 * the server's card. A port of the real machine leads to the server, so that a real telnet is the client; with --once
 * the command is the client itself, in virtual time, and ends.
 */
import { AF_INET, SOCK_STREAM } from '../api/posix/constants.ts';
import { Process } from '../api/posix/process.ts';
import { sockaddrIn } from '../api/posix/sockaddr.ts';
import { SeededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import type { Host } from '../host.ts';
import { NodeEnvironment } from '../platform/node/environment.ts';
import { PortForward } from '../platform/node/forward.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { WROTE_PORT } from '../programs/wrote.ts';
import { CaptureOutput } from './capture-output.ts';
import { taskOf } from './command-words.ts';
import { CLIENT, DemoWorld, SERVER } from './demo-world.ts';
import { halfOpen } from './half-open/half-open.ts';
import { numberOption, parseOptions, UsageError } from './options.ts';
import { complain, print, STDERR } from './output.ts';
import { partition } from './partition/partition.ts';
import { runPrograms } from './program-run.ts';
import { slowLoris } from './slow-loris/slow-loris.ts';
import { paint, untilAsked } from './terminal.ts';

export const DEMO_HELP = `usage: sockscape demo [wrote] [--once] [--port N] [-w FILE]
       sockscape demo half-open|partition|slow-loris [--once] [--seed SEED] [-w FILE]
       sockscape demo [wrote] --run '[HOST:] PROGRAM ARG...' ... [--port N] [-w FILE]

Two hosts on a cable, 192.0.2.1 and 192.0.2.2, each with a TCP/IP stack of its own. On the second a server listens on
port ${WROTE_PORT} and answers every line with 'You wrote: LINE'. A port of this machine leads to it through the first host.
What passes at the server's card is printed as tcpdump prints it (ARP and IP).

Three others play by themselves, with --once or without, in virtual time: unchanged Node programs on hosts of a world. They
leave a capture, half-open.pcapng and so on, and the line that replays them.

  half-open   a database client (pg: npm install pg) and its server, and between them a firewall that begins to drop
              silently: what the client learns of it, and when
  partition   three replicas with a leader, and two clients, in two groups that do not hear each other for a while: what
              the clients see meanwhile, and when they see the same again
  slow-loris  a web server with room for twenty connections, and clients that never come to an end: whom headersTimeout
              and requestTimeout send away, and when; who is served

  --seed S   of these three: another run; the same seed gives the same one
  --once     plays the client itself, shows the session and ends; opens no port
  --port N   the port on 127.0.0.1; ${WROTE_PORT} by default, 0 for any that is free
  -w FILE    also writes what passes to FILE, for Wireshark (pcapng; IPv6 included); with '-' the capture goes to
             standard output and the lines to standard error
  --run ...  runs a program of ours instead of showing what passes, on the host named (client or server; client by
             default). Given several times, all run at once, started in this order, their lines with their names before
             them; the last one has the terminal, and when it ends all is over. No port is opened without --port

examples:
  sockscape demo                    then, in another terminal: telnet 127.0.0.1 ${WROTE_PORT}
  sockscape demo --once
  sockscape demo --port 9600 -w session.pcapng
  sockscape demo half-open --once
  sockscape demo partition --once --seed 7
  sockscape demo --run 'server: tcpdump -i any tcp port ${WROTE_PORT}' --run 'server: telnet 127.0.0.1 ${WROTE_PORT}'
`;

/** Those that play by themselves, in virtual time: with a seed and the name of a capture file. */
const PLAYED: ReadonlyMap<string, (seed: string, file: string) => Promise<number>> = new Map([
  ['half-open', halfOpen], ['partition', partition], ['slow-loris', slowLoris],
]);
const ETHERTYPE_IPV6 = 0x86dd;
const LINE = 'hello\r\n';
/** Virtual time in which --once reads the answer before it closes: its acknowledgement is a segment of its own then. */
const READING_US = 1_000_000;
/** Virtual time that --once gives the last segments after its close. */
const LAST_SEGMENTS_US = 1_000_000;

/** The command; returns its exit status. */
export async function demo(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, { '--once': 'flag', '--port': 'value', '-w': 'value', '--run': 'list', '--seed': 'value' });
  const [name = 'wrote', ...rest] = options.operands;
  if (rest.length > 0) throw new UsageError(`one demo at a time, not also '${rest.join(' ')}'`);
  const seed = options.values.get('--seed') ?? null;
  const play = PLAYED.get(name);
  if (play !== undefined) {
    for (const word of ['--port', '--run']) {
      if (options.values.has(word) || options.list(word).length > 0) throw new UsageError(`demo ${name} has no ${word}: it plays by itself`);
    }
    return play(seed ?? name, options.values.get('-w') ?? `${name}.pcapng`);
  }
  const others = [...PLAYED.keys()];
  if (name !== 'wrote') throw new UsageError(`there is no demo '${name}', only 'wrote', ${others.map((one) => `'${one}'`).join(', ')}`);
  if (seed !== null) throw new UsageError(`--seed is for the demos ${others.join(', ')}`);
  const port = numberOption('--port', options.values.get('--port') ?? String(WROTE_PORT), 0, 65535);
  const file = options.values.get('-w') ?? null;
  const commands = options.list('--run');
  if (commands.length === 0) return options.flags.has('--once') ? once(file) : live(port, file);
  if (options.flags.has('--once')) throw new UsageError('--once and --run do not go together');
  if (file === '-') throw new UsageError('standard output is that of the programs: -w takes a file');
  return programs(commands, options.values.has('--port') ? port : null, file);
}

/** Prints ARP and IP only: what the hosts say in IPv6 when they come up is not what the demo is about. */
class PrintedCapture extends CaptureOutput {
  protected override prints(bytes: Uint8Array): boolean {
    return (((bytes[12] as number) << 8) | (bytes[13] as number)) !== ETHERTYPE_IPV6;
  }
}

/** What passes, in the terminal and perhaps in a file. Made first: a file that cannot be written is all that can fail here. */
function shownCapture(file: string | null): CaptureOutput {
  const say = file === '-' ? complain : print;
  return new PrintedCapture(file, new TcpdumpPrinter(), (line) => say(`${line}\n`));
}

/** Programs of ours on the two hosts; the last one's status. A port of the machine leads to the server when one is given. */
async function programs(commands: readonly string[], port: number | null, file: string | null): Promise<number> {
  const environment = new NodeEnvironment();
  const capture = file === null ? null : new CaptureOutput(file, null, () => {});
  const world = new DemoWorld(environment, () => environment.entropy, capture);
  let forward: PortForward | null = null;
  try {
    world.prepareForPrograms();
    const tasks = commands.map((command) => taskOf(command, world.hosts));
    for (const host of world.hosts.values()) await world.startServer(host);
    if (port !== null) {
      forward = await openForward(world.client, port);
      complain(`talk to it:  telnet 127.0.0.1 ${forward.port}\n`);
    }
    return await Promise.race([runPrograms(tasks), ...(capture === null ? [] : [capture.failed])]);
  } finally {
    forward?.close();
    world.stop();
  }
}

async function live(port: number, file: string | null): Promise<number> {
  const environment = new NodeEnvironment();
  const capture = shownCapture(file);
  const world = new DemoWorld(environment, () => environment.entropy, capture);
  // Not before the file is open: that may take its time, and handlers would not run meanwhile.
  const asked = untilAsked();
  let forward: PortForward | null = null;
  try {
    await world.startServer();
    forward = await openForward(world.client, port);
    complain(
      `${paint(STDERR, 'bold', 'sockscape demo')}: ${CLIENT} and ${SERVER} on a cable, a server on port ${WROTE_PORT}\n` +
        `talk to it:  ${paint(STDERR, 'green', `telnet 127.0.0.1 ${forward.port}`)}\n` +
        `${paint(STDERR, 'dim', "what passes at the server's card follows; Ctrl-C ends")}\n`,
    );
    await Promise.race([asked, capture.failed]);
    forward.close();
    const { frames, printed } = capture;
    complain(`\n${count(printed, 'packet')} shown; ${count(frames - printed, 'IPv6 neighbour packet')} only captured\n`);
  } finally {
    forward?.close();
    world.stop();
  }
  return 0;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

async function openForward(from: Host, port: number): Promise<PortForward> {
  try {
    return await PortForward.open({ from, to: sockaddrIn(SERVER, WROTE_PORT), port });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    throw new PlatformError(`${error.message}; choose another one with --port`);
  }
}

/** The client is played here. Virtual time and a fixed seed: the same lines every time. */
async function once(file: string | null): Promise<number> {
  const seed = new SeededRandom('demo');
  const clock = new VirtualClock(seed, (fn) => setImmediate(fn));
  const capture = shownCapture(file);
  const world = new DemoWorld(clock, (name) => seed.fork(name), capture);
  try {
    await world.startServer();
    const answer = await Promise.race([session(new Process(world.client, 'client')), capture.failed]);
    if (answer === `You wrote: ${LINE}`) return 0;
    complain(`sockscape demo: the server answered ${JSON.stringify(answer)}\n`);
    return 1;
  } finally {
    world.stop();
  }
}

/** Says one line to the server and returns its answer, when the last segments have passed. */
async function session(client: Process): Promise<string> {
  const fd = await client.socket(AF_INET, SOCK_STREAM, 0);
  await client.connect(fd, sockaddrIn(SERVER, WROTE_PORT));
  await client.write(fd, new TextEncoder().encode(LINE));
  const buffer = new Uint8Array(1024);
  let answer = '';
  while (!answer.endsWith('\n')) {
    const n = await client.read(fd, buffer);
    if (n === 0) break;
    answer += new TextDecoder().decode(buffer.subarray(0, n));
  }
  await client.sleep(READING_US);
  await client.close(fd);
  await client.sleep(LAST_SEGMENTS_US);
  return answer;
}
