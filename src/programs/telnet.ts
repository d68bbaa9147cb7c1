/**
 * telnet(1), in the words of inetutils: a line from standard input becomes a line on the connection, and what comes back is
 * shown. Options that the other side offers or wants are refused (RFC 854, RFC 1143), but for "suppress go ahead".
 *
 * **Not** there: character mode, echoing by the other side, environment, authentication.
 */
import {
  AF_INET, AF_INET6, AF_UNSPEC, MSG_NOSIGNAL, POLLERR, POLLHUP, POLLIN, SO_KEEPALIVE, SO_OOBINLINE, SOCK_STREAM, SOL_SOCKET,
} from '../api/posix/constants.ts';
import { isErrno } from '../api/posix/errors.ts';
import { type Addrinfo, getaddrinfo } from '../api/posix/getaddrinfo.ts';
import type { NameProcess } from '../api/posix/name-process.ts';
import { AI_CANONNAME } from '../api/posix/netdb-constants.ts';
import { int32 } from '../api/posix/option-values.ts';
import { numericHost, reasonOf } from './endpoint-names.ts';
import { getopt, guarded, say, UsageFault, warn } from './getopt.ts';
import { sendAll } from './service.ts';
import { type Connection, type Sequel, shownEscape, telnetCommand } from './telnet-commands.ts';

export const TELNET_USAGE = `Usage: telnet [OPTION...] [HOST [PORT]]
Login to remote system HOST (optionally, on service port PORT)

  -4                         use only IPv4
  -6                         use only IPv6
  -8                         use an 8-bit data transmission
  -e CHAR                    use CHAR as an escape character
  -E                         use no escape character
  -L                         use an 8-bit output path
`;

const IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240;
const SUPPRESS_GO_AHEAD = 3;
const CR = 13, LF = 10, NUL = 0;
const TELNET_ESCAPE = 0x1d;
const STDIN = 0;
const BUFFER_BYTES = 8192;
const MOST_COMMAND_BYTES = 1024;
const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder();

/** `telnet [OPTION...] [HOST [PORT]]`: 0, or 1 when there is no connection. */
export function telnet(process: NameProcess, args: readonly string[]): Promise<number> {
  return guarded(process, 'telnet', 1, () => main(process, args));
}

async function main(process: NameProcess, args: readonly string[]): Promise<number> {
  let family: number = AF_UNSPEC;
  let escapeByte: number = TELNET_ESCAPE;
  let operands: readonly string[];
  try {
    const words = getopt(args, '468e:EKLl:b:ad');
    for (const [letter, value] of words.options) {
      if (letter === '4') family = AF_INET;
      else if (letter === '6') family = AF_INET6;
      else if (letter === 'E') escapeByte = -1;
      else if (letter === 'e') escapeByte = escapeOf(value);
    }
    operands = words.operands;
    if (operands.length > 2) throw new UsageFault('too many arguments');
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    await warn(process, `telnet: ${error.message}\n${TELNET_USAGE}`);
    return 64;
  }
  const session = new Telnet(process, family, escapeByte);
  if (operands.length === 0) await session.commands();
  else if (await session.open(operands[0], operands[1] ?? 'telnet')) await session.converse();
  else return 1;
  return 0;
}

function escapeOf(text: string): number {
  if (text === '') return -1;
  return text.length === 2 && text[0] === '^' ? text.charCodeAt(1) & 0x1f : text.charCodeAt(0);
}

class Telnet implements Connection {
  private readonly process: NameProcess;
  private readonly family: number;
  readonly escapeByte: number;
  private readonly input = new Uint8Array(BUFFER_BYTES);
  private readonly received = new Uint8Array(BUFFER_BYTES);
  private readonly parser = new TelnetParser();
  private host = '';
  private fd = -1;
  /** What has been read from standard input, and not been looked at. */
  private typed: Uint8Array = NOTHING;

  constructor(process: NameProcess, family: number, escapeByte: number) {
    this.process = process;
    this.family = family;
    this.escapeByte = escapeByte;
  }

  /** Connects; false, with a sentence, when that cannot be. */
  async open(host: string, port: string): Promise<boolean> {
    const { process, family } = this;
    let found: Addrinfo[];
    try {
      found = await getaddrinfo(process, host, port, { family, socktype: SOCK_STREAM, flags: AI_CANONNAME });
    } catch (error) {
      await say(process, `Server lookup failure:  ${host}:${port}, ${reasonOf(error)}\n`);
      return false;
    }
    this.host = found[0].canonname ?? host;
    for (const [i, candidate] of found.entries()) {
      const address = await numericHost(process, candidate.addr);
      await say(process, `Trying ${address}...\n`);
      const fd = await process.socket(candidate.family, SOCK_STREAM, 0);
      try {
        await process.connect(fd, candidate.addr);
      } catch (error) {
        await process.close(fd);
        const isLast = i === found.length - 1;
        await warn(process, `telnet: ${isLast ? 'Unable to connect to remote host' : `connect to address ${address}`}: ${reasonOf(error)}\n`);
        continue;
      }
      this.fd = fd;
      // Urgent data stays in its place: the mark says how far to flush, and nothing is flushed here.
      await process.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, int32(1));
      await process.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, int32(1));
      await say(process, `Connected to ${this.host}.\n`);
      if (this.escapeByte >= 0) await say(process, `Escape character is '${shownEscape(this.escapeByte)}'.\n`);
      return true;
    }
    return false;
  }

  /** Passes lines on, both ways, until one side ends, or a command does it: then whether commands may follow. */
  async converse(): Promise<Sequel> {
    const { process, input, received } = this;
    for (;;) {
      const fds = [{ fd: this.fd, events: POLLIN, revents: 0 }, { fd: STDIN, events: POLLIN, revents: 0 }];
      try {
        while (this.typed.length > 0) {
          const sequel = await this.send();
          if (sequel !== 'converse') return sequel;
        }
        await process.poll(fds, -1);
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) !== 0) {
          const n = await process.read(this.fd, received);
          if (n === 0) break;
          await this.show(received.subarray(0, n));
        }
        if (fds[1].revents !== 0) {
          const n = await process.read(STDIN, input);
          // As inetutils does, which takes the end of its input for the end of the connection.
          if (n === 0) break;
          this.typed = input.subarray(0, n);
        }
      } catch (error) {
        if (isErrno(error, 'EINTR')) continue;
        if (!isErrno(error, 'ECONNRESET') && !isErrno(error, 'EPIPE') && !isErrno(error, 'ETIMEDOUT')) throw error;
        await warn(process, `telnet: ${reasonOf(error)}\n`);
        break;
      }
    }
    await this.close();
    await warn(process, 'Connection closed by foreign host.\n');
    return 'closed';
  }

  /** What was typed goes out, a line's end as CR LF, up to the escape character: that one begins commands. */
  private async send(): Promise<Sequel> {
    const { typed } = this;
    const at = this.escapeByte < 0 ? -1 : typed.indexOf(this.escapeByte);
    const text = at < 0 ? typed : typed.subarray(0, at);
    const out: number[] = [];
    for (const byte of text) {
      if (byte === LF) out.push(CR, LF);
      else if (byte === IAC) out.push(IAC, IAC);
      else if (byte === CR) out.push(CR, NUL);
      else out.push(byte);
    }
    this.typed = at < 0 ? NOTHING : typed.slice(at + 1);
    if (out.length > 0) await sendAll(this.process, this.fd, Uint8Array.from(out));
    if (at < 0) return 'converse';
    // A terminal hands over whole lines: an Enter that brought the escape character is none of a command.
    if (this.typed[0] === LF) this.typed = this.typed.subarray(1);
    await say(this.process, '\n');
    return this.obey();
  }

  private async show(bytes: Uint8Array): Promise<void> {
    const { text, answer } = this.parser.take(bytes);
    if (answer.length > 0) await this.process.send(this.fd, answer, MSG_NOSIGNAL);
    if (text.length > 0) await this.process.write(1, text);
  }

  /** Commands from standard input, where there is no connection at first. */
  async commands(): Promise<void> {
    for (;;) {
      const sequel = await this.obey();
      if (sequel === 'quit' || (sequel === 'converse' && (await this.converse()) === 'quit')) return;
    }
  }

  /** Asks for commands and does them, until one leads elsewhere. */
  private async obey(): Promise<Sequel> {
    for (;;) {
      const line = await this.ask('telnet> ');
      if (line === null) await say(this.process, '\n');
      const sequel = await telnetCommand(line ?? 'quit', this);
      if (sequel !== 'again') return sequel;
    }
  }

  get peer(): string | null {
    return this.fd < 0 ? null : this.host;
  }

  say(text: string): Promise<unknown> {
    return say(this.process, text);
  }

  transmit(bytes: readonly number[], flags = 0): Promise<unknown> {
    return this.process.send(this.fd, Uint8Array.from(bytes), flags | MSG_NOSIGNAL);
  }

  async close(): Promise<void> {
    await this.process.close(this.fd);
    this.fd = -1;
  }

  /** A line behind a prompt; null at the end of the input. */
  async ask(prompt: string): Promise<string | null> {
    await say(this.process, prompt);
    const line: number[] = [];
    for (;;) {
      if (this.typed.length === 0) {
        const n = await this.process.read(STDIN, this.input);
        if (n === 0) return line.length > 0 ? decoder.decode(Uint8Array.from(line)) : null;
        this.typed = this.input.subarray(0, n);
      }
      const byte = this.typed[0];
      this.typed = this.typed.subarray(1);
      if (byte === LF || line.length >= MOST_COMMAND_BYTES) return decoder.decode(Uint8Array.from(line));
      line.push(byte);
    }
  }
}

/** What comes from the other side: text, and commands that begin with IAC, which may come in pieces. */
export class TelnetParser {
  private state: 'text' | 'return' | 'command' | 'option' | 'parameters' | 'parameters-command' = 'text';
  private verb = 0;
  /** Options that we have agreed to: an agreement is not answered a second time (RFC 1143). */
  private readonly agreed = new Set<number>();

  /** The text among `bytes`, and what has to be answered. */
  take(bytes: Uint8Array): { text: Uint8Array; answer: Uint8Array } {
    const text: number[] = [];
    const answer: number[] = [];
    for (const byte of bytes) {
      switch (this.state) {
        case 'return':
        case 'text': {
          // RFC 854: CR LF is the end of a line, which a line feed is here; CR NUL is a CR alone. So a CR waits for what follows.
          const follows = this.state === 'return';
          if (follows && byte !== LF) text.push(CR);
          this.state = byte === IAC ? 'command' : byte === CR ? 'return' : 'text';
          if (byte !== IAC && byte !== CR && !(follows && byte === NUL)) text.push(byte);
          break;
        }
        case 'command':
          this.state = byte === SB ? 'parameters' : byte >= WILL && byte <= DONT ? 'option' : 'text';
          this.verb = byte;
          if (byte === IAC) text.push(IAC);
          break;
        case 'option':
          this.state = 'text';
          this.negotiate(byte, answer);
          break;
        case 'parameters':
          if (byte === IAC) this.state = 'parameters-command';
          break;
        case 'parameters-command':
          this.state = byte === SE ? 'text' : 'parameters';
          break;
      }
    }
    return { text: Uint8Array.from(text), answer: Uint8Array.from(answer) };
  }

  private negotiate(option: number, answer: number[]): void {
    const { verb, agreed } = this;
    if (verb === WILL && option === SUPPRESS_GO_AHEAD) {
      if (agreed.has(option)) return;
      agreed.add(option);
      answer.push(IAC, DO, option);
    } else if (verb === WILL) answer.push(IAC, DONT, option);
    else if (verb === DO) answer.push(IAC, WONT, option);
    else if (verb === WONT && agreed.delete(option)) answer.push(IAC, DONT, option);
  }
}
