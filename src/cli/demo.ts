/**
 * `sockscape demo`: two hosts on a cable, a server that answers `You wrote: LINE`, and the live lines of a tcpdump on
 * the server's card. A port of the real machine leads to the server, so that a real telnet is the client; with --once
 * the command is the client itself, in virtual time, and ends.
 */
import { AF_INET, SOCK_STREAM } from '../api/posix/constants.ts';
import { Process } from '../api/posix/process.ts';
import { sockaddrIn } from '../api/posix/sockaddr.ts';
import type { Environment } from '../base/environment.ts';
import { IpAddress } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { type RandomSource, SeededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import { Host } from '../host.ts';
import { Cable } from '../link/cable.ts';
import { CaptureTee } from '../link/capture-tee.ts';
import { NodeEnvironment } from '../platform/node/environment.ts';
import { PortForward } from '../platform/node/forward.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { wrote, WROTE_PORT } from '../programs/wrote.ts';
import { CaptureOutput } from './capture-output.ts';
import { numberOption, parseOptions, UsageError } from './options.ts';
import { complain, print, STDERR } from './output.ts';
import { paint, untilAsked } from './terminal.ts';

export const DEMO_HELP = `usage: sockscape demo [NAME] [--once] [--port N] [-w FILE]

Two hosts on a cable, 192.0.2.1 and 192.0.2.2, each with a TCP/IP stack of its own. On the second a server listens on
port ${WROTE_PORT} and answers every line with 'You wrote: LINE'. A port of this machine leads to it through the first host.
What passes at the server's card is printed as tcpdump prints it (ARP and IP).

  NAME       which demo: wrote (the only one)
  --once     plays the client itself, shows the session and ends; opens no port
  --port N   the port on 127.0.0.1; ${WROTE_PORT} by default, 0 for any that is free
  -w FILE    also writes what passes to FILE, for Wireshark (pcapng; IPv6 included); with '-' the capture goes to
             standard output and the lines to standard error

examples:
  sockscape demo                    then, in another terminal: telnet 127.0.0.1 ${WROTE_PORT}
  sockscape demo --once
  sockscape demo --port 9600 -w session.pcapng
`;

const CLIENT = '192.0.2.1';
const SERVER = '192.0.2.2';
const PREFIX_LENGTH = 24;
const CABLE_DELAY_US = 250;
const ETHERTYPE_IPV6 = 0x86dd;
const LINE = 'hello\r\n';
/** Virtual time in which --once reads the answer before it closes: its acknowledgement is a segment of its own then. */
const READING_US = 1_000_000;
/** Virtual time that --once gives the last segments after its close. */
const LAST_SEGMENTS_US = 1_000_000;

/** The command; returns its exit status. */
export async function demo(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, { '--once': 'flag', '--port': 'value', '-w': 'value' });
  const [name = 'wrote', ...rest] = options.operands;
  if (rest.length > 0) throw new UsageError(`one demo at a time, not also '${rest.join(' ')}'`);
  if (name !== 'wrote') throw new UsageError(`there is no demo '${name}', only 'wrote'`);
  const port = numberOption('--port', options.values.get('--port') ?? String(WROTE_PORT), 0, 65535);
  const file = options.values.get('-w') ?? null;
  return options.flags.has('--once') ? once(file) : live(port, file);
}

/** Two hosts on a cable, the server listening, and somebody who looks at its card. */
class DemoWorld {
  readonly client: Host;
  readonly capture: CaptureOutput;
  private readonly loop: Loop;
  private readonly server: Host;
  private readonly serverProcess: Process;

  constructor(environment: Environment, random: (host: string) => RandomSource, file: string | null) {
    // Opened first: a file that cannot be written is the only thing here that can fail.
    const say = file === '-' ? complain : print;
    this.capture = new PrintedCapture(file, new TcpdumpPrinter(), (line) => say(`${line}\n`));
    this.loop = new Loop(environment);
    const cable = new Cable(this.loop, random('cable'), { delayUs: CABLE_DELAY_US });
    this.client = new Host({ name: 'client', loop: this.loop, random: random('client') });
    this.server = new Host({ name: 'server', loop: this.loop, random: random('server') });
    for (const [host, device, address, mac] of [
      [this.client, cable.a, CLIENT, 1],
      [this.server, cable.b, SERVER, 2],
    ] as const) {
      device.macHi = 0x0200;
      device.macLo = mac;
      host.attach(device);
      host.addAddress(device, IpAddress.from(address), PREFIX_LENGTH);
    }
    new CaptureTee(cable.b, this.loop, this.capture);
    this.serverProcess = new Process(this.server, 'wrote', { output: complain });
  }

  /** Resolves when the server listens. */
  startServer(): Promise<void> {
    return new Promise((resolve, reject) => {
      wrote(this.serverProcess, [], resolve).then((status) => reject(new Error(`the server ended: ${status}`)), reject);
    });
  }

  stop(): void {
    this.loop.stop();
    this.capture.close();
  }
}

/** Prints ARP and IP only: what the hosts say in IPv6 when they come up is not what the demo is about. */
class PrintedCapture extends CaptureOutput {
  protected override prints(bytes: Uint8Array): boolean {
    return (((bytes[12] as number) << 8) | (bytes[13] as number)) !== ETHERTYPE_IPV6;
  }
}

async function live(port: number, file: string | null): Promise<number> {
  const environment = new NodeEnvironment();
  const world = new DemoWorld(environment, () => environment.entropy, file);
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
    await Promise.race([asked, world.capture.failed]);
    forward.close();
    const { frames, printed } = world.capture;
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
  const world = new DemoWorld(clock, (name) => seed.fork(name), file);
  try {
    await world.startServer();
    const answer = await Promise.race([session(new Process(world.client, 'client')), world.capture.failed]);
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
