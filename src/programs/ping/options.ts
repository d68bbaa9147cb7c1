/** The command line of ping, as iputils reads it. Called by ping.ts. */
import { getopt, UsageFault } from '../getopt.ts';

export const PING_USAGE = `
Usage
  ping [options] <destination>

Options:
  <destination>      dns name or ip address
  -a                 use audible ping
  -c <count>         stop after <count> replies
  -D                 print timestamps
  -f                 flood ping
  -h                 print help and exit
  -I <interface>     either interface name or address
  -i <interval>      seconds between sending each packet
  -l <preload>       send <preload> number of packages while waiting replies
  -m <mark>          tag the packets going out
  -M <pmtud opt>     define mtu discovery, can be one of <do|dont|want>
  -n                 no dns name resolution
  -O                 report outstanding replies
  -p <pattern>       contents of padding byte
  -q                 quiet output
  -Q <tclass>        use quality of service <tclass> bits
  -s <size>          use <size> as number of data bytes to be sent
  -S <size>          use <size> as SO_SNDBUF socket option value
  -t <ttl>           define time to live
  -v                 verbose output
  -w <deadline>      reply wait <deadline> in seconds
  -W <timeout>       time to wait for response

IPv4 options:
  -4                 use IPv4
  -b                 allow pinging broadcast

IPv6 options:
  -6                 use IPv6
`;

export interface PingOptions {
  family: 0 | 4 | 6;
  audible: boolean;
  broadcast: boolean;
  /** Replies wanted; Infinity for any number. */
  count: number;
  timestamps: boolean;
  flood: boolean;
  /** A name or an address; '' for none. */
  device: string;
  /** Between two requests, in microseconds. */
  intervalUs: number;
  preload: number;
  mark: number;
  /** IP_MTU_DISCOVER, or -1. */
  discovery: number;
  numeric: boolean;
  outstanding: boolean;
  /** What fills the data behind the time stamp; null for its offsets. */
  pattern: Uint8Array | null;
  quiet: boolean;
  tos: number;
  size: number;
  sendBuffer: number;
  ttl: number;
  verbose: boolean;
  /** After which all is over, in microseconds; Infinity for never. */
  deadlineUs: number;
  /** How long the last reply is waited for, in microseconds. */
  lingerUs: number;
  destination: string;
}

const LETTERS = '46abBc:Dfhi:I:l:Lm:M:nOp:qQ:s:S:t:vw:W:';
const MOST = Number.MAX_SAFE_INTEGER;
/** Largest data of IPv4's and IPv6's packets. */
const MOST_DATA = 65507;

/** Reads the words; throws UsageFault. Null when help is asked for. */
export function parsePing(args: readonly string[]): PingOptions | null {
  const o: PingOptions = {
    family: 0, audible: false, broadcast: false, count: Infinity, timestamps: false, flood: false, device: '', intervalUs: 1e6, preload: 1,
    mark: 0, discovery: -1, numeric: false, outstanding: false, pattern: null, quiet: false, tos: 0, size: 56, sendBuffer: 0, ttl: -1,
    verbose: false, deadlineUs: Infinity, lingerUs: 10e6, destination: '',
  };
  let interval = -1;
  const { options, operands } = getopt(args, LETTERS);
  for (const [letter, value] of options) {
    switch (letter) {
      case '4':
      case '6': {
        const family = letter === '4' ? 4 : 6;
        if (o.family !== 0 && o.family !== family) throw new UsageFault('only one -4 or -6 option may be specified');
        o.family = family;
        break;
      }
      case 'a': o.audible = true; break;
      case 'b': o.broadcast = true; break;
      case 'c': o.count = integer(value, 1, MOST); break;
      case 'D': o.timestamps = true; break;
      case 'f': o.flood = true; break;
      case 'h': return null;
      case 'i': interval = seconds(value, 'bad timing interval: '); break;
      case 'I': o.device = value; break;
      case 'l': o.preload = integer(value, 1, 65536); break;
      case 'm': o.mark = integer(value, 0, 0x7fffffff); break;
      case 'M': {
        const at = ['dont', 'want', 'do', 'probe'].indexOf(value);
        if (at < 0) throw new UsageFault(`invalid -M argument: ${value}`);
        o.discovery = at;
        break;
      }
      case 'n': o.numeric = true; break;
      case 'O': o.outstanding = true; break;
      case 'p': o.pattern = patternOf(value); break;
      case 'q': o.quiet = true; break;
      case 'Q': o.tos = integer(value, 0, 255); break;
      case 's': o.size = integer(value, 0, MOST_DATA); break;
      case 'S': o.sendBuffer = integer(value, 1, 0x7fffffff); break;
      case 't': o.ttl = integer(value, 0, 255); break;
      case 'v': o.verbose = true; break;
      case 'w': o.deadlineUs = integer(value, 1, 0x7fffffff) * 1e6; break;
      case 'W': o.lingerUs = Math.max(1, seconds(value, 'bad linger time: ')) || 10e6; break;
      // -B and -L change nothing here: the source stays, and groups are not asked to answer us.
    }
  }
  if (operands.length === 0) throw new UsageFault('usage error: Destination address required');
  if (operands.length > 1) throw new UsageFault('too many destinations', true);
  o.destination = operands[0];
  if (o.flood && interval < 0) interval = 0;
  if (interval >= 0) o.intervalUs = interval;
  return o;
}

function integer(text: string, least: number, most: number): number {
  const value = /^0x[0-9a-f]+$|^[+-]?\d+$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new UsageFault(`invalid argument: '${text}'`);
  const limit = most === MOST ? '9223372036854775807' : String(most);
  if (!(value >= least && value <= most)) throw new UsageFault(`invalid argument: '${text}': out of range: ${least} <= value <= ${limit}`);
  return value;
}

/** In microseconds. */
function seconds(text: string, complaint: string): number {
  const value = /^\d*\.?\d*$/.test(text) && text !== '' && text !== '.' ? Number(text) : Number.NaN;
  if (!(value >= 0 && value < 0x7fffffff / 1000)) throw new UsageFault(`${complaint}${text}`);
  return Math.floor(value * 1e6);
}

function patternOf(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]+$/.test(text)) throw new UsageFault(`patterns must be specified as hex digits: ${text}`);
  const pairs = text.slice(0, 32).match(/../g) ?? [`0${text}`];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
