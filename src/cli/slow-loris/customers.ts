/** Who comes to the shop: those who want something, and those who only stand there. Written with node:http and node:net, unchanged. */
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { SHOP_PORT } from './shop.ts';

/** The host's name. */
export const SHOP = 'shop';
/** Between two words of a slow one. */
export const WORD_MS = 10_000;
const HEADERS = `POST /order HTTP/1.1\r\nHost: ${SHOP}\r\nContent-Length: 1000000\r\n`;

/** One visit: `200`, or the code of the error. */
export function visit(agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: SHOP, port: SHOP_PORT, agent }, (response) => {
      response.resume().on('end', () => resolve(String(response.statusCode)));
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** Comes again a second after each visit, for `lastsMs`, and tells how each went. */
export async function visitAgainAndAgain(keepAlive: boolean, lastsMs: number, tell: (outcome: string) => void): Promise<void> {
  const agent = new Agent({ keepAlive });
  const end = performance.now() + lastsMs;
  while (performance.now() < end) {
    tell(await visit(agent));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  agent.destroy();
}

/** How a slow one is sent away. */
export interface SentAway {
  readonly afterMs: number;
  /** What it was told, or the code of the error; '' for a close without a word. */
  readonly word: string;
}

/**
 * Connects from `localPort`, and says a word now and then: another header, or (`hasHeaders`) another byte of the order. Resolves
 * when the server has had enough, or after `mostMs`, to null.
 */
export function standThere(localPort: number, hasHeaders: boolean, mostMs: number): Promise<SentAway | null> {
  return new Promise((resolve) => {
    const begun = performance.now();
    let word = '';
    const socket = connect({ port: SHOP_PORT, host: SHOP, localPort });
    let words: NodeJS.Timeout | undefined;
    socket.on('connect', () => {
      socket.write(hasHeaders ? `${HEADERS}\r\n` : HEADERS);
      words = setInterval(() => socket.write(hasHeaders ? 'x' : 'X-More: x\r\n'), WORD_MS);
    });
    socket.on('data', (bytes) => (word += String(bytes).split('\r\n')[0]));
    socket.on('error', (error: NodeJS.ErrnoException) => (word ||= error.code ?? error.message));
    const end = setTimeout(() => {
      resolve(null);
      socket.destroy();
    }, mostMs);
    socket.on('close', () => {
      clearInterval(words);
      clearTimeout(end);
      resolve({ afterMs: performance.now() - begun, word });
    });
  });
}
