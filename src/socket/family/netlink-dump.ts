/**
 * Dumps: everything of a kind, in datagrams of a reader's size, of which the last ends with NLMSG_DONE (netlink_dump).
 * A dump is a list of what to write; each is written when its datagram is, so that a dump that nobody reads on holds no bytes.
 */
import { NLM_F, NLMSG, NLMSGERR_ATTR_MSG, type NetlinkWriter } from '../../wire/netlink.ts';

/** Whom a message answers. */
export interface Reply {
  readonly port: number;
  readonly sequence: number;
}

/** Writes one message of a dump. */
export type Put = (to: NetlinkWriter) => void;

export interface Dump {
  readonly to: Reply;
  readonly puts: Iterator<Put>;
  /** What the host is charged for the list until the dump is over. */
  readonly bytes: number;
  /** NLMSG_DONE comes with the last messages where it fits, and not always in a datagram of its own. */
  readonly endsTogether: boolean;
  /** Flags of NLMSG_DONE beside NLM_F_MULTI. */
  readonly flags: number;
  /** Negative errno with which the dump ends, and what is to be said of it. */
  readonly error: number;
  readonly reason: string;
  /** What did not fit into the last datagram. */
  rest: Uint8Array | null;
  isOver: boolean;
}

/** NLMSG_GOODSIZE: what any reader has room for. And what the largest may ask for. */
const LEAST_BYTES = 3776, MOST_BYTES = 32448;
const DONE_LEN = 20;

/** The next datagram; `isOver` says that it is the last. */
export function nextOfDump(dump: Dump, writer: NetlinkWriter, largestRead: number): Uint8Array {
  const most = Math.max(LEAST_BYTES, Math.min(largestRead, MOST_BYTES));
  if (dump.rest !== null) writer.raw(dump.rest);
  dump.rest = null;
  for (;;) {
    const { value: put, done } = dump.puts.next();
    if (done === true) break;
    const before = writer.length;
    put(writer);
    if (writer.length <= most || before === 0) continue;
    const both = writer.take();
    dump.rest = both.slice(before);
    return both.subarray(0, before);
  }
  const { length } = writer;
  if (length > 0 && (!dump.endsTogether || length + DONE_LEN > most)) return writer.take();
  const { port, sequence } = dump.to;
  const told = dump.reason === '' ? 0 : NLM_F.ACK_TLVS;
  writer.begin(NLMSG.DONE, NLM_F.MULTI | dump.flags | told, sequence, port).uint32(dump.error);
  if (told !== 0) writer.attributeText(NLMSGERR_ATTR_MSG, dump.reason);
  writer.end();
  dump.isOver = true;
  return writer.take();
}
