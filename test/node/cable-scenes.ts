/**
 * What a cable does to frames (rate, queue, loss, order, bits), each told once and played twice: with our TCP at both ends on hosts of a
 * world, and with the kernel's at both ends, between whose TAP devices lies the same wire (test/interop/fault-cable.ts).
 *
 *   client 10.0.1.1 ---- the wire, 5 ms each way ---- 10.0.1.2 server, which listens on port 80 and answers by the same
 *
 * The client sends bytes that tell their place, ends, and says what came back.
 */
import type { CableConditions } from '../../src/link/cable.ts';
import type { WireStatistics } from '../../src/link/wire-conditions.ts';

export const DELAY_US = 5000;

/** A moment's copy of them. */
type WireCounts = Omit<WireStatistics, 'inFlight'>;

/** What both wires counted, and what both kernels did: their Tcp and TcpExt counters, added up. */
export interface CableSeen {
  readonly wires: readonly WireCounts[];
  readonly counted: (name: string) => number;
}

export interface CableScene {
  readonly name: string;
  readonly bytes: number;
  /** From the connection on, before the bytes are sent. */
  readonly conditions: CableConditions;
  readonly client: readonly string[];
  /** From the first byte sent to the client's end, at least and at most. */
  readonly seconds: readonly [number, number];
  /** That the fault was there, and what TCP did about it. */
  readonly shown: (seen: CableSeen) => readonly [what: string, holds: boolean][];
}

const whole = (bytes: number): readonly string[] => ['connect', `end after ${bytes} bytes, each in its place`, `close false after ${bytes} bytes`];

type Count = 'lost' | 'heldBack' | 'overtaken' | 'corrupted' | 'duplicated' | 'queueDropped';
const total = ({ wires }: CableSeen, name: Count): number => wires.reduce((sum, wire) => sum + wire[name], 0);
const each = ({ wires }: CableSeen, name: Count): number => Math.min(...wires.map((wire) => wire[name]));
const retransmitted = ({ counted }: CableSeen): number => counted('TcpRetransSegs');

export const CABLE_SCENES: readonly CableScene[] = [
  {
    name: 'a slow link: 250,000 bytes at 1 Mbit/s',
    bytes: 250_000, conditions: { rateBitsPerSecond: 1e6 }, client: whole(250_000),
    // 173 frames of 1,448 bytes, 66 of headers each, and the last of them back.
    seconds: [2.12, 2.13],
    shown: (seen) => [['nothing is lost', total(seen, 'queueDropped') === 0]],
  },
  {
    name: 'a link that becomes slower than a retransmission waits: 30,000 bytes at 100 kbit/s',
    bytes: 30_000, conditions: { rateBitsPerSecond: 1e5 }, client: whole(30_000), seconds: [3.76, 3.8],
    shown: (seen) => [
      ['nothing is lost', total(seen, 'queueDropped') === 0],
      ['what was late is sent again', retransmitted(seen) > 0],
      ['and the receiver says that it had it (RFC 2883)', seen.counted('TcpExtTCPDSACKOldSent') > 0],
    ],
  },
  {
    name: 'a slow link whose queue is short: 400,000 bytes at 4 Mbit/s, and eight frames may wait',
    bytes: 400_000, conditions: { rateBitsPerSecond: 4e6, queuePackets: 8 }, client: whole(400_000), seconds: [0.95, 1.1],
    shown: (seen) => [
      ['the queue was full', total(seen, 'queueDropped') > 0],
      ['what it dropped is sent again', retransmitted(seen) >= total(seen, 'queueDropped') / 2],
    ],
  },
  {
    name: 'frames overtake each other: one in four comes up to 20 ms late',
    bytes: 400_000, conditions: { reorder: { probability: 0.25, extraUs: 20_000 } }, client: whole(400_000), seconds: [0.1, 1],
    shown: (seen) => [
      ['they did, both ways', each(seen, 'overtaken') > 10],
      ['segments wait for those before them', seen.counted('TcpExtTCPOFOQueue') > 10],
      ['nothing is lost', total(seen, 'lost') === 0],
    ],
  },
  {
    name: 'one frame in fifty has a wrong bit',
    bytes: 400_000, conditions: { corrupt: 0.02 }, client: whole(400_000), seconds: [0.06, 1],
    shown: (seen) => [
      ['some had', total(seen, 'corrupted') > 3],
      // The others are found by IP's checksum, are for nobody by their new address, or say another sender's.
      ['TCP\'s checksum finds them', seen.counted('TcpInCsumErrors') > 0 && seen.counted('TcpInCsumErrors') <= total(seen, 'corrupted')],
      ['and they are sent again', retransmitted(seen) > 0],
    ],
  },
  {
    name: 'every frame has a wrong bit: nothing gets through, and silence is given up',
    bytes: 1000, conditions: { corrupt: 1 },
    client: ['connect', 'error read ETIMEDOUT', 'close true after 0 bytes'], seconds: [3.33, 3.35],
    shown: (seen) => [['the other end sees what is wrong', seen.counted('TcpInCsumErrors') > 0], ['retries are spent', retransmitted(seen) >= 4]],
  },
  {
    name: 'one frame in twenty is lost',
    bytes: 400_000, conditions: { loss: 0.05 }, client: whole(400_000), seconds: [0.1, 2.5],
    shown: (seen) => [['some were, both ways', each(seen, 'lost') > 1], ['and are sent again', retransmitted(seen) > 0]],
  },
  {
    name: 'every other frame comes twice',
    bytes: 400_000, conditions: { duplicate: 0.5 }, client: whole(400_000), seconds: [0.05, 0.07],
    shown: (seen) => [
      ['they did, both ways', each(seen, 'duplicated') > 10],
      ['the receiver says what it had already (RFC 2883)', seen.counted('TcpExtTCPDSACKOldSent') > 0],
      ['and the sender hears it', seen.counted('TcpExtTCPDSACKRecv') > 0],
    ],
  },
];
