/**
 * The commands behind telnet's prompt, in the words of inetutils.
 *
 * Called by telnet.ts, once for each line that is typed at `telnet> `.
 */
import { MSG_OOB } from '../api/posix/constants.ts';

const IAC = 255, DO = 253, EL = 248, EC = 247, AYT = 246, AO = 245, IP = 244, BREAK = 243, DATA_MARK = 242, NOP = 241, GO_AHEAD = 249;
const END_OF_RECORD = 239, ABORT = 238, SUSPEND = 237, END_OF_FILE = 236;
/** The option that RFC 727 has for `logout`. */
const LOGOUT = 18;

/** What commands act upon. */
export interface Connection {
  /** Whom it leads to; null when there is none. */
  readonly peer: string | null;
  readonly escapeByte: number;
  say(text: string): Promise<unknown>;
  /** Sends bytes as they are, with flags of send(2). */
  transmit(bytes: readonly number[], flags?: number): Promise<unknown>;
  /** Connects; false, with a sentence, when that cannot be. */
  open(host: string, port: string): Promise<boolean>;
  close(): Promise<unknown>;
  /** Asks for a line; null at the end of the input. */
  ask(prompt: string): Promise<string | null>;
}

/** What follows a command: another one, the conversation, whatever is left without a connection, or the end. */
export type Sequel = 'again' | 'converse' | 'closed' | 'quit';

interface Command {
  readonly name: string;
  readonly help: string;
  run(connection: Connection, args: readonly string[]): Promise<Sequel>;
}

const COMMANDS: readonly Command[] = [
  { name: 'close', help: 'close current connection', run: (connection) => connected(connection, '', () => hangUp(connection, 'closed')) },
  {
    name: 'logout',
    help: 'forcibly logout remote user and close the connection',
    run: (connection) => connected(connection, '', async () => {
      await connection.transmit([IAC, DO, LOGOUT]);
      return 'converse';
    }),
  },
  { name: 'open', help: 'connect to a site', run: open },
  {
    name: 'quit',
    help: 'exit telnet',
    run: async (connection) => (connection.peer === null ? 'quit' : hangUp(connection, 'quit')),
  },
  { name: 'send', help: "transmit special characters ('send ?' for more)", run: send },
  { name: 'status', help: 'print status information', run: status },
  { name: '?', help: 'print help information', run: help },
  { name: 'help', help: '', run: help },
];

const SENDABLE: readonly (readonly [name: string, help: string, bytes: readonly number[]])[] = [
  ['ao', 'Send Telnet Abort output', [IAC, AO]],
  ['ayt', "Send Telnet 'Are You There'", [IAC, AYT]],
  ['brk', 'Send Telnet Break', [IAC, BREAK]],
  ['ec', 'Send Telnet Erase Character', [IAC, EC]],
  ['el', 'Send Telnet Erase Line', [IAC, EL]],
  ['escape', 'Send current escape character', []],
  ['ga', "Send Telnet 'Go Ahead' sequence", [IAC, GO_AHEAD]],
  ['ip', 'Send Telnet Interrupt Process', [IAC, IP]],
  ['nop', "Send Telnet 'No operation'", [IAC, NOP]],
  ['eor', "Send Telnet 'End of Record'", [IAC, END_OF_RECORD]],
  ['abort', "Send Telnet 'Abort Process'", [IAC, ABORT]],
  ['susp', "Send Telnet 'Suspend Process'", [IAC, SUSPEND]],
  ['eof', 'Send Telnet End of File Character', [IAC, END_OF_FILE]],
  ['synch', "Perform Telnet 'Synch operation'", []],
  ['getstatus', 'Send request for STATUS', []],
  ['?', 'Display send options', []],
];

/** Does what a line says. An empty one goes on with the conversation, if there is one. */
export async function telnetCommand(line: string, connection: Connection): Promise<Sequel> {
  const [word = '', ...args] = line.split(/\s+/).filter((one) => one !== '');
  if (word === '') return connection.peer === null ? 'again' : 'converse';
  const command = find(COMMANDS, ({ name }) => name, word);
  if (typeof command !== 'string') return command.run(connection, args);
  await connection.say(`?${command === 'ambiguous' ? 'Ambiguous' : 'Invalid'} command\n`);
  return 'again';
}

/** How `^]` is written. */
export function shownEscape(escapeByte: number): string {
  if (escapeByte < 0) return 'off';
  return escapeByte < 32 ? `^${String.fromCharCode(escapeByte + 64)}` : String.fromCharCode(escapeByte);
}

/** By a name, or the beginning of one. */
function find<T>(table: readonly T[], nameOf: (one: T) => string, word: string): T | 'ambiguous' | 'unknown' {
  const wanted = word.toLowerCase();
  const exact = table.find((one) => nameOf(one) === wanted);
  if (exact !== undefined) return exact;
  const [first, ...others] = table.filter((one) => nameOf(one).startsWith(wanted));
  return first === undefined ? 'unknown' : others.length > 0 ? 'ambiguous' : first;
}

async function connected(connection: Connection, hint: string, run: () => Promise<Sequel>): Promise<Sequel> {
  if (connection.peer !== null) return run();
  await connection.say(`?Need to be connected first.\n${hint}`);
  return 'again';
}

async function hangUp(connection: Connection, sequel: Sequel): Promise<Sequel> {
  await connection.close();
  await connection.say('Connection closed.\n');
  return sequel;
}

async function open(connection: Connection, args: readonly string[]): Promise<Sequel> {
  if (connection.peer !== null) {
    await connection.say(`?Already connected to ${connection.peer}\n`);
    return 'again';
  }
  const [host, port = 'telnet'] = args.length > 0 ? args : ((await connection.ask('(to) ')) ?? '').split(/\s+/);
  if (host === undefined || host === '') return 'again';
  return (await connection.open(host, port)) ? 'converse' : 'again';
}

async function status(connection: Connection): Promise<Sequel> {
  const { peer, escapeByte } = connection;
  const state = peer === null ? 'No connection.\n' : `Connected to ${peer}.\nOperating in obsolete linemode\nLocal character echo\n`;
  await connection.say(`${state}Escape character is '${shownEscape(escapeByte)}'.\n`);
  return peer === null ? 'again' : 'converse';
}

async function send(connection: Connection, args: readonly string[]): Promise<Sequel> {
  if (args.length === 0) {
    await connection.say("need at least one argument for 'send' command\n'send ?' for help\n");
    return 'again';
  }
  const all: (typeof SENDABLE)[number][] = [];
  for (const word of args) {
    const found = find(SENDABLE, ([name]) => name, word);
    if (typeof found === 'string') {
      await connection.say(`${found === 'ambiguous' ? 'Ambiguous' : 'Unknown'} send argument '${word}'\n'send ?' for help.\n`);
      return 'again';
    }
    const [name] = found;
    if (name === '?') {
      await connection.say(SENDABLE.map(([one, text]) => `${one.padEnd(15)} ${text}\n`).join(''));
      return 'again';
    }
    // The option STATUS is refused here, as nearly every one.
    if (name === 'getstatus' && connection.peer !== null) {
      await connection.say('Remote side does not support STATUS option\n');
      return 'again';
    }
    all.push(found);
  }
  return connected(connection, "'send ?' for help\n", async () => {
    for (const [name, , bytes] of all) {
      if (name === 'synch') {
        // RFC 854: the mark travels as urgent data; inetutils makes its first byte the urgent one.
        await connection.transmit([IAC], MSG_OOB);
        await connection.transmit([DATA_MARK]);
      } else await connection.transmit(name === 'escape' ? [connection.escapeByte] : bytes);
    }
    return 'converse';
  });
}

async function help(connection: Connection, args: readonly string[]): Promise<Sequel> {
  if (args.length === 0) {
    const lines = COMMANDS.filter((one) => one.help !== '').map((one) => `${one.name.padEnd(8)}\t${one.help}\n`);
    await connection.say(`Commands may be abbreviated.  Commands are:\n\n${lines.join('')}`);
  }
  for (const word of args) {
    const found = find(COMMANDS, ({ name }) => name, word);
    const text = found === 'ambiguous' ? `?Ambiguous help command ${word}` : found === 'unknown' ? `?Invalid help command ${word}` : found.help;
    await connection.say(`${text}\n`);
  }
  return 'again';
}
