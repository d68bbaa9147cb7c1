/** The command line of traceroute, as Debian's reads it. Called by traceroute.ts. */
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../api/posix/constants.ts';
import { getopt, UsageFault } from '../getopt.ts';

export const TRACEROUTE_USAGE = `Usage:
  traceroute [ -46FInU ] [ -f first_ttl ] [ -i device ] [ -m max_ttl ] [ -N squeries ] [ -p port ] [ -t tos ] [ -w MAX,HERE,NEAR ] [ -q nqueries ] [ -s src_addr ] [ -z sendwait ] host [ packetlen ]

Options:
  -4, -6        Use IPv4, IPv6
  -F            Do not fragment packets
  -f first_ttl  Start from the first_ttl hop (instead from 1)
  -I            Use ICMP ECHO for tracerouting
  -i device     Specify a network interface to operate with
  -m max_ttl    Set the max number of hops (30)
  -N squeries   Set the number of probes to be tried simultaneously (16)
  -n            Do not resolve IP addresses to their domain names
  -p port       The destination port: counted up from here by each probe (33434), or with -U constant (53)
  -q nqueries   Set the number of probes per each hop (3)
  -s src_addr   Use source src_addr for outgoing packets
  -t tos        Set the type of service or traffic class
  -U            Use UDP to one port, instead of one port for each probe
  -w MAX,HERE,NEAR
                Wait for a probe no more than HERE (3) times longer than a response from the same hop, or no more than
                NEAR (10) times than some next hop, or MAX (5.0) seconds
  -z sendwait   Minimal time between probes, in seconds, or in milliseconds when it is more than 10 (0)
`;

export interface TracerouteOptions {
  family: number;
  dontFragment: boolean;
  firstHop: number;
  method: 'udp' | 'udp-constant' | 'icmp';
  device: string;
  maxHops: number;
  simultaneous: number;
  numeric: boolean;
  /** -1 for the method's own. */
  port: number;
  queries: number;
  source: string;
  tos: number;
  waitUs: number;
  /** 0 for no such limit. */
  hereFactor: number;
  nearFactor: number;
  sendWaitUs: number;
  host: string;
  /** Of the whole packet; -1 for 40 bytes more than the IP header. */
  packetLength: number;
}

const LETTERS = '46Ff:Ii:m:N:np:q:rs:t:Uw:z:';
const MOST_PACKET = 65000;

/** Reads the words; null when there are none. Throws UsageFault. */
export function parseTraceroute(args: readonly string[]): TracerouteOptions | null {
  if (args.length === 0) return null;
  const o: TracerouteOptions = {
    family: AF_UNSPEC, dontFragment: false, firstHop: 1, method: 'udp', device: '', maxHops: 30, simultaneous: 16, numeric: false, port: -1,
    queries: 3, source: '', tos: 0, waitUs: 5e6, hereFactor: 3, nearFactor: 10, sendWaitUs: 0, host: '', packetLength: -1,
  };
  const { options, operands } = getopt(args, LETTERS);
  for (const [letter, value] of options) {
    switch (letter) {
      case '4': o.family = AF_INET; break;
      case '6': o.family = AF_INET6; break;
      case 'F': o.dontFragment = true; break;
      case 'f': o.firstHop = number(letter, value); break;
      case 'I': o.method = 'icmp'; break;
      case 'i': o.device = value; break;
      case 'm': o.maxHops = number(letter, value); break;
      case 'N': o.simultaneous = Math.max(1, number(letter, value)); break;
      case 'n': o.numeric = true; break;
      case 'p': o.port = number(letter, value); break;
      case 'q': o.queries = number(letter, value); break;
      case 's': o.source = value; break;
      case 't': o.tos = number(letter, value); break;
      case 'U': o.method = 'udp-constant'; break;
      case 'w': waits(o, value); break;
      case 'z': {
        const wait = decimal(letter, value);
        o.sendWaitUs = wait > 10 ? wait * 1000 : wait * 1e6;
        break;
      }
    }
  }
  if (operands.length === 0) throw new UsageFault('Specify "host" missing argument.');
  if (operands.length > 2) throw new UsageFault(`Extra arg \`${operands[2]}' (position 3, argc ${args.indexOf(operands[2]) + 1})`);
  [o.host] = operands;
  if (operands[1] !== undefined) {
    o.packetLength = number('packetlen', operands[1]);
    if (o.packetLength > MOST_PACKET) throw new UsageFault(`too big packetlen ${o.packetLength} specified`);
  }
  if (o.maxHops > 255) throw new UsageFault('max hops cannot be more than 255');
  if (o.firstHop < 1 || o.firstHop > o.maxHops) throw new UsageFault('first hop out of range');
  if (o.queries < 1 || o.queries > 10) throw new UsageFault('no more than 10 probes per hop');
  if (o.port > 65535) throw new UsageFault(`bad port ${o.port}`);
  return o;
}

function waits(o: TracerouteOptions, text: string): void {
  const [most, here, near] = text.split(',').map((word) => (word === '' ? -1 : decimal('w', word)));
  if (most !== undefined && most >= 0) o.waitUs = most * 1e6;
  if (here !== undefined && here >= 0) o.hereFactor = here;
  if (near !== undefined && near >= 0) o.nearFactor = near;
}

function number(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageFault(`Cannot handle \`-${option}' option with arg \`${text}'`);
}

function decimal(option: string, text: string): number {
  if (/^\d*\.?\d+$/.test(text)) return Number(text);
  throw new UsageFault(`Cannot handle \`-${option}' option with arg \`${text}'`);
}
