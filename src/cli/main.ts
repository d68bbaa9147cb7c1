/**
 * The `sockscape` command. Reads which command is meant, runs it, and turns what it throws into one sentence and an exit
 * status: 2 when it was called wrongly, 1 when the machine says no, 0 otherwise.
 */
import { CaptureError } from '../capture/capture-error.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { CATALOGUE } from '../programs/catalogue.ts';
import { demo, DEMO_HELP } from './demo.ts';
import { man, MAN_HELP } from './man.ts';
import { UsageError } from './options.ts';
import { complain, print } from './output.ts';
import { programLines, run as runProgram, RUN_HELP, runInDemoWorld } from './run.ts';
import { tap, TAP_HELP } from './tap.ts';
import { tcpdump, TCPDUMP_HELP } from './tcpdump.ts';
import { version } from './version.ts';

interface Command {
  readonly run: (args: readonly string[]) => Promise<number>;
  readonly help: string;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  demo: { run: demo, help: DEMO_HELP },
  man: { run: man, help: MAN_HELP },
  run: { run: runProgram, help: RUN_HELP },
  tap: { run: tap, help: TAP_HELP },
  tcpdump: { run: tcpdump, help: TCPDUMP_HELP },
};

const HELP = `sockscape: Berkeley sockets and a TCP/IP stack of its own, down to Ethernet frames

usage: sockscape COMMAND [OPTION ...]

  demo       two hosts on a cable, a server, and a port of this machine that leads to it
  tap        a host on a TAP device, which this machine's kernel can talk to (root)
  man        the manual: every call, helper and program
  run        a program of ours on one of two hosts; also without the word run:

${programLines()}
  sockscape COMMAND --help   options and examples of a command
  sockscape --version

examples:
  sockscape demo                 then, in another terminal: telnet 127.0.0.1 9502
  sockscape demo --once          plays the client itself and shows the session
  sockscape demo half-open       a firewall that drops silently; others are partition and slow-loris
  sockscape ping -c 3 server
  sockscape tcpdump -n -r FILE.pcapng
  sockscape man accept
`;

/** A command of ours, or a program of ours on the host where programs run by default. */
function commandOf(name: string): Command | null {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name] as Command;
  const entry = CATALOGUE.get(name);
  return entry === undefined ? null : { run: (args) => runInDemoWorld('client', name, args), help: entry.usage };
}

function asksForHelp(name: string, words: readonly string[]): boolean {
  return Object.hasOwn(COMMANDS, name) && name !== 'run' ? words.includes('--help') : words[0] === '--help';
}

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    complain(HELP);
    return 2;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const topic = rest[0] === undefined ? undefined : commandOf(rest[0]);
    print(topic?.help ?? HELP);
    return 0;
  }
  if (name === '--version' || name === '-V') {
    print(`sockscape ${version()}\n`);
    return 0;
  }
  const command = commandOf(name);
  if (command === null) {
    const kind = name.startsWith('-') ? 'option' : 'command';
    complain(`sockscape: unknown ${kind} '${name}'; see sockscape --help\n`);
    return 2;
  }
  if (asksForHelp(name, rest)) {
    print(command.help);
    return 0;
  }
  return command.run(rest);
}

/** Runs the command; what it throws becomes its status. */
async function main(args: readonly string[]): Promise<number> {
  const who = commandOf(args[0] ?? '') !== null ? `sockscape ${args[0]}` : 'sockscape';
  try {
    return await run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${who}: ${error.message}; see ${who} --help\n`);
      return 2;
    }
    if (error instanceof PlatformError || error instanceof CaptureError) {
      complain(`${who}: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

// Pending deadlines of connections that nobody waits for any more must not hold the process: it ends here.
process.exit(await main(process.argv.slice(2)));
