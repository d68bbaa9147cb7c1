/**
 * name-server: answers for the zones that it is given, over UDP and TCP (RFC 1035, RFC 7766).
 *
 * The zones are texts, each an argument of its own (zone-text.ts says what may stand in them); what is answered is decided
 * in zone-answer.ts. **Not** there: an answer over UDP leaves from the address that the route to the client chooses, which
 * on a host with several addresses in the client's network may be another than was asked.
 */
import { MSG_WAITALL, SO_RCVTIMEO, SO_SNDTIMEO, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from '../api/posix/constants.ts';
import { DNS_MAX_LEN, DNS_PORT } from '../api/posix/dns.ts';
import { timeval } from '../api/posix/option-values.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';
import { wordsOf } from '../base/thrown.ts';
import { complain, openService, portOf, sendAll, serveConnections, serveDatagrams } from './service.ts';
import { answerTo } from './zone-answer.ts';
import { parseZone, type Zone } from './zone-text.ts';

/** Connections at a time; RFC 7766 section 10 asks for a limit, the rest wait to be accepted. */
const MAX_CONNECTIONS = 128;
/** A query that takes longer to arrive, or an answer that takes longer to leave, ends the connection. */
const PATIENCE_S = 10;
const LENGTH_BYTES = 2;

/** `name-server [-p PORT] ZONE...`: serves until its process ends. Each ZONE is a zone's text. */
export async function nameServer(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  const hasPort = args[0] === '-p';
  const port = hasPort ? portOf(args.slice(1, 2), 0) : DNS_PORT;
  const texts = hasPort ? args.slice(2) : args;
  if (port <= 0 || texts.length === 0) {
    await complain(process, 'name-server', 'usage: name-server [-p PORT] ZONE...');
    return 2;
  }
  const zones: Zone[] = [];
  for (const [i, text] of texts.entries()) {
    const zone = parseZone(text);
    if (typeof zone === 'string') {
      await complain(process, 'name-server', `zone ${i + 1}: ${zone}`);
      return 2;
    }
    zones.push(zone);
  }
  let listener: number;
  let datagrams: number;
  try {
    listener = await openService(process, SOCK_STREAM, port);
    datagrams = await openService(process, SOCK_DGRAM, port);
  } catch (error) {
    await complain(process, 'name-server', `port ${port}: ${wordsOf(error)}`);
    return 1;
  }
  listening?.();
  await Promise.all([
    serveConnections(process, listener, (fd) => converse(process, fd, zones), MAX_CONNECTIONS),
    serveDatagrams(process, datagrams, (query) => answerTo(zones, query, null)),
  ]);
  return 0;
}

/** Query after query of one connection, each with its length in front. */
async function converse(process: Syscalls, fd: number, zones: readonly Zone[]): Promise<void> {
  await process.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(PATIENCE_S));
  await process.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval(PATIENCE_S));
  const buffer = new Uint8Array(DNS_MAX_LEN);
  const head = new Uint8Array(LENGTH_BYTES);
  for (;;) {
    // One call for all octets, so that a query that drips in has no more time than another.
    if ((await process.recv(fd, head, MSG_WAITALL)) < LENGTH_BYTES) return;
    const query = buffer.subarray(0, (head[0] << 8) | head[1]);
    if ((await process.recv(fd, query, MSG_WAITALL)) < query.length) return;
    const answer = answerTo(zones, query, DNS_MAX_LEN);
    if (answer === null) return;
    const framed = new Uint8Array(LENGTH_BYTES + answer.length);
    framed.set([answer.length >> 8, answer.length & 255]);
    framed.set(answer, LENGTH_BYTES);
    await sendAll(process, fd, framed);
  }
}
