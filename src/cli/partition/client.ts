/**
 * A client of the replicas, written with node:net as anybody would: asks one replica after the other until the leader has
 * answered. Called by partition.ts.
 */
import { connect } from 'node:net';
import { onMessage, sendMessage } from './lines.ts';
import { type Answer, CLIENT_PORT, type Question } from './replica.ts';

const RETRY_MS = 100;

/** No leader has answered in time. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/**
 * Asks `replicas`, the first at first, for at most `limitMs`, and each for at most `patienceMs`. A replica that is not the leader
 * says who is, as far as it knows.
 */
export async function ask(replicas: readonly string[], question: Question, limitMs: number, patienceMs: number): Promise<number | null> {
  const end = performance.now() + limitMs;
  let next = 0;
  let meant: string | null = null;
  for (;;) {
    const left = end - performance.now();
    if (left <= 0) throw new Unanswered(`no leader has answered in ${limitMs / 1000} s`);
    const asked: string = meant ?? (replicas[next++ % replicas.length] as string);
    const answer: Answer | null = await askOne(asked, question, Math.min(left, patienceMs));
    if (answer?.ok === true) return answer.value;
    meant = answer === null || answer.leader === asked ? null : answer.leader;
    if (answer !== null && meant === null) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function askOne(host: string, question: Question, patienceMs: number): Promise<Answer | null> {
  return new Promise((resolve) => {
    const socket = connect(CLIENT_PORT, host, () => sendMessage(socket, question));
    const patience = setTimeout(() => socket.destroy(), patienceMs);
    onMessage<Answer>(socket, resolve);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(patience);
      resolve(null);
    });
  });
}
