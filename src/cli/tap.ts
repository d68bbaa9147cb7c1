/**
 * `sockscape tap`: a host of ours on a TAP device, with services that this machine's kernel and its programs can use.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { DNS_PORT } from '../api/posix/dns.ts';
import { Process } from '../api/posix/process.ts';
import type { Cidr } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { wordsOf } from '../base/thrown.ts';
import type { Host } from '../host.ts';
import { CaptureTee } from '../link/capture-tee.ts';
import { NodeEnvironment } from '../platform/node/environment.ts';
import { configureKernelSide } from '../platform/node/kernel-side.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { isInterfaceName, TapDevice } from '../platform/node/tap.ts';
import { chargen } from '../programs/chargen.ts';
import { discard } from '../programs/discard.ts';
import { echo } from '../programs/echo.ts';
import { http } from '../programs/http.ts';
import { nameServer } from '../programs/name-server.ts';
import type { Program } from '../programs/service.ts';
import { wrote } from '../programs/wrote.ts';
import { CaptureOutput } from './capture-output.ts';
import { hostCidr } from './cidr.ts';
import { taskOf } from './command-words.ts';
import { CommandHosts } from './leftovers.ts';
import { parseOptions, UsageError } from './options.ts';
import { complain, print, STDERR } from './output.ts';
import { runPrograms } from './program-run.ts';
import { paint, signalledStatus, untilAsked } from './terminal.ts';

export const TAP_HELP = `usage: sockscape tap --address CIDR ... [--name NAME] [--host-address CIDR ...] [--no-offload]
                     [--serve SERVICE:PORT,...] [--zone FILE ...] [-w FILE] [--run 'PROGRAM ARG...' ...]

A host of ours on a TAP device, made in the network namespace that the command runs in (needs root and the package
koffi). Prints 'ready' on a line of its own when the host answers. Ctrl-C ends it and removes the device: with status 0,
or 130 (128 + the signal's number) when that is before 'ready'.

  --address CIDR ...        addresses of our host, such as 192.0.2.2/24 or 2001:db8::2/64
  --name NAME               name of the device; tap0
  --host-address CIDR ...   addresses for the kernel's side, which is then brought up; without, both are up to you
  --no-offload              plain frames: no partial checksums, no 64 KiB segments
  --serve SERVICE:PORT,...  echo and discard (TCP and UDP), chargen (TCP and UDP), http (/ and /bytes/N), wrote
  --zone FILE ...           a name server on port 53 with these zones (master files, RFC 1035 section 5)
  -w FILE                   writes what passes to FILE (pcapng); '-' is standard output, and 'ready' then goes to
                            standard error
  --run 'PROGRAM ARG...'    runs a program of ours on the host, once it answers; 'ready' goes to standard error then. Given
                            several times, all run at once, started in this order; the last one has the terminal, and
                            when it ends all is over. Its status is the command's. sockscape --help lists the programs

examples:
  sockscape tap --address 192.0.2.2/24 --host-address 192.0.2.1/24 --serve echo:9502,http:80
  sockscape tap --address 192.0.2.2/24 2001:db8::2/64 --host-address 192.0.2.1/24 2001:db8::1/64 --serve discard:9
  sockscape tap --address 192.0.2.2/24 --host-address 192.0.2.1/24 --run 'ping -c 3 192.0.2.1'
`;

const SERVICES: Readonly<Record<string, Program>> = { echo, discard, chargen, http, wrote };
/** How often the host is asked whether duplicate address detection is over. */
const LOOK_MS = 20;

interface Service {
  readonly name: string;
  readonly program: Program;
  readonly port: number;
  readonly args: readonly string[];
}

/** The command; returns its exit status. */
export async function tap(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    '--address': 'list', '--name': 'value', '--host-address': 'list', '--no-offload': 'flag', '--serve': 'list', '--zone': 'list',
    '-w': 'value', '--run': 'list',
  });
  if (options.operands.length > 0) throw new UsageError(`'${options.operands.join(' ')}' belongs to no option`);
  const addresses = options.list('--address').flatMap(splitList).map((text) => hostCidr('--address', text));
  if (addresses.length === 0) throw new UsageError('--address CIDR is missing');
  const theirs = options.list('--host-address').flatMap(splitList).map((text) => hostCidr('--host-address', text));
  for (const [i, { address }] of [...addresses, ...theirs].entries()) {
    const first = [...addresses, ...theirs].findIndex((other) => other.address.equals(address));
    if (first !== i) throw new UsageError(`the address ${address} is given twice`);
  }
  const name = options.values.get('--name') ?? 'tap0';
  if (!isInterfaceName(name)) throw new UsageError(`'${name}' cannot be the name of a device`);
  const services = parseServices(options.list('--serve').flatMap(splitList));
  const zones = options.list('--zone').map(readZone);
  if (zones.length > 0) {
    if (services.some(({ port }) => port === DNS_PORT)) throw new UsageError(`port ${DNS_PORT} is the name server's (--zone)`);
    services.push({ name: 'name-server', program: nameServer, port: DNS_PORT, args: zones });
  }

  const commands = options.list('--run');
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const file = options.values.get('-w') ?? null;
  if (file === '-' && commands.length > 0) throw new UsageError('standard output is that of the programs: -w takes a file');
  const offload = !options.flags.has('--no-offload');
  const capture = file === null ? null : new CaptureOutput(file, null, () => {});
  // Not before the file is open: that may take its time, and handlers would not run meanwhile.
  const asked = untilAsked();
  const hosts = new CommandHosts();
  const device = await TapDevice.open({ loop, random: environment.entropy, offload, name }).catch((error: unknown) => {
    hosts.end(() => loop.stop());
    throw error;
  });
  if (capture !== null) new CaptureTee(device, loop, capture);
  const lost = new Promise<string>((resolve) => (device.onLost = resolve));
  const host = hosts.make({ name: 'sockscape', loop, random: environment.entropy });
  try {
    if (theirs.length > 0) configureKernelSide(device.name, theirs.map(String));
    host.attach(device);
    for (const { address, prefixLength } of addresses) host.addAddress(device, address, prefixLength);
    const tasks = commands.map((command) => taskOf(command, new Map([[host.name, host]])));
    const answering = start(host, services)
      .then(() => settled(host, device, addresses))
      .then(() => (file === '-' || commands.length > 0 ? complain : print)('ready\n'))
      .then(() => (isatty(STDERR) && commands.length === 0 ? complain(whatToTry(device.name, addresses, theirs, services)) : undefined));
    const failed = Promise.race([lost, ...(capture === null ? [] : [capture.failed])]).then((reason) => {
      throw new PlatformError(reason);
    });
    // Nobody hears of what is lost when all is over.
    failed.catch(() => {});
    const signal = await Promise.race([answering, asked, failed]);
    // It did not get as far as to do what it was started for.
    if (signal !== undefined) return signalledStatus(constants.signals[signal]);
    if (tasks.length > 0) return await Promise.race([runPrograms(tasks), failed]);
    await Promise.race([asked, failed]);
    return 0;
  } finally {
    hosts.end(() => {
      loop.stop();
      device.close();
      capture?.close();
    });
  }
}

function splitList(word: string): string[] {
  return word.split(',').filter((part) => part !== '');
}

function parseServices(words: readonly string[]): Service[] {
  const services: Service[] = [];
  for (const word of words) {
    const [name = '', portText = '', ...rest] = word.split(':');
    const program = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined;
    if (program === undefined) {
      throw new UsageError(`--serve knows ${Object.keys(SERVICES).join(', ')}, not '${name}'`);
    }
    const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
    if (port < 1 || port > 65535 || rest.length > 0) {
      throw new UsageError(`--serve takes SERVICE:PORT, such as echo:9502, not '${word}'`);
    }
    const other = services.find((service) => service.port === port);
    if (other !== undefined) throw new UsageError(`${other.name} and ${name} cannot both have port ${port}`);
    services.push({ name, program, port, args: [portText] });
  }
  return services;
}

function readZone(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--zone: ${wordsOf(error)}`);
  }
}

/** For whoever sits before the terminal: what this is now, and what to try. */
function whatToTry(device: string, addresses: readonly Cidr[], theirs: readonly Cidr[], services: readonly Service[]): string {
  const offered = services.map(({ name, port }) => `${name} on port ${port}`).join(', ');
  const { address } = addresses[0] as Cidr;
  const host = address.isV4 ? String(address) : `[${address}]`;
  const tries = [`ping ${address}`];
  for (const { name, port } of services) {
    if (name === 'http') tries.push(`curl http://${host}:${port}/`);
    else if (name === 'name-server') tries.push(`dig @${address} NAME`);
    else if (name === 'wrote' || name === 'echo') tries.push(`telnet ${address} ${port}`);
  }
  const lines = [
    `${paint(STDERR, 'bold', 'sockscape tap')}: a host of ours, ${addresses.join(' ')}, on ${device}`,
    theirs.length > 0
      ? `this machine's side: ${theirs.join(' ')}`
      : `this machine's side has no address yet: ip addr add CIDR dev ${device}; ip link set ${device} up`,
    offered === '' ? 'no services (--serve); it answers ping' : `services: ${offered}`,
    `try:  ${tries.map((line) => paint(STDERR, 'green', line)).join('   ')}`,
    paint(STDERR, 'dim', 'Ctrl-C ends it and removes the device'),
  ];
  return `${lines.join('\n')}\n`;
}

/** Starts each service in a process of its own; resolves when all of them listen. */
async function start(host: Host, services: readonly Service[]): Promise<void> {
  await Promise.all(
    services.map(
      ({ name, program, args }) =>
        new Promise<void>((resolve, reject) => {
          const own = new Process(host, name, { output: complain });
          const ended = (): void => reject(new PlatformError(`the service ${name} has ended`));
          program(own, args, resolve).then(ended, reject);
        }),
    ),
  );
}

/** Resolves when every address of ours may be used (IPv6 asks first whether somebody else has it). */
async function settled(host: Host, device: TapDevice, addresses: readonly Cidr[]): Promise<void> {
  const entries = host.network.interfaceOf(device)?.addresses ?? [];
  for (;;) {
    for (const { address } of addresses) {
      const entry = entries.find((candidate) => candidate.address.equals(address));
      if (entry?.dadFailed) throw new PlatformError(`somebody else on ${device.name} has the address ${address}`);
    }
    if (!entries.some((entry) => entry.tentative)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
