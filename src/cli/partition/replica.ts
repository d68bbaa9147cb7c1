/**
 * A replica of a small store, written with node:net as anybody would: the leader writes down what clients set, and promises it
 * once a majority has it; who does not hear of a leader asks for votes (Raft: Ongaro and Ousterhout, "In Search of an
 * Understandable Consensus Algorithm", 2014, figure 2; without its disk, its snapshots and its careful reads).
 *
 * What the partition demo runs on three hosts, unchanged. partition.ts starts it, client.ts talks to it.
 */
import { createServer, type Socket } from 'node:net';
import { onMessage, sendMessage } from './lines.ts';
import { Link } from './link.ts';

/** Where replicas hear each other, and where clients are heard. */
export const REPLICA_PORT = 7000;
export const CLIENT_PORT = 7001;
const HEARTBEAT_MS = 50;
/** Who hears of no leader for so long asks for votes; drawn anew each time, so that not all ask at once. */
const PATIENCE_MS = 150;
const MORE_PATIENCE_MS = 150;

export interface Entry {
  readonly term: number;
  readonly value: number;
}

export type Question = { readonly op: 'set'; readonly value: number } | { readonly op: 'get' };
export type Answer = { readonly ok: true; readonly value: number | null } | { readonly ok: false; readonly leader: string | null };

type Message = { readonly from: string; readonly term: number } & (
  | { readonly kind: 'vote'; readonly last: number; readonly lastTerm: number }
  | { readonly kind: 'voted'; readonly granted: boolean }
  | { readonly kind: 'append'; readonly after: number; readonly afterTerm: number; readonly entries: readonly Entry[]; readonly promised: number }
  | { readonly kind: 'appended'; readonly length: number; readonly fits: boolean }
);

/** What the leader knows of another replica. */
class Peer {
  readonly link: Link;
  /** How many entries it is known to have, and from where it is sent more. */
  has = 0;
  next = 0;

  constructor(link: Link) {
    this.link = link;
  }
}

export interface ReplicaOptions {
  readonly name: string;
  readonly others: readonly string[];
  /** How long a link waits for an answer; 0 for ever. */
  readonly linkTimeoutMs: number;
  /** Told when it becomes the leader of a term, and when it hears that it is not any more. */
  readonly onLeader: (term: number) => void;
  readonly onFollower: (term: number) => void;
}

export class Replica {
  readonly log: Entry[] = [];
  /** How many of them a majority has. */
  promised = 0;
  term = 0;
  role: 'follower' | 'candidate' | 'leader' = 'follower';
  private readonly options: ReplicaOptions;
  private readonly peers: Map<string, Peer> = new Map();
  private readonly votes: Set<string> = new Set();
  private votedFor: string | null = null;
  private leader: string | null = null;
  private timer: NodeJS.Timeout | undefined;
  /** Clients that wait for their entry, by its place. */
  private readonly waiting: Map<number, Socket> = new Map();

  constructor(options: ReplicaOptions) {
    this.options = options;
    createServer((socket) => {
      socket.on('error', () => {});
      onMessage<Message>(socket, (message) => this.heard(message));
    }).listen(REPLICA_PORT);
    createServer((socket) => {
      socket.on('error', () => {});
      onMessage<Question>(socket, (question) => this.asked(socket, question));
    }).listen(CLIENT_PORT);
    for (const other of options.others) this.peers.set(other, new Peer(new Link(other, REPLICA_PORT, options.linkTimeoutMs)));
    this.waitForLeader();
  }

  private get majority(): number {
    return Math.floor((this.peers.size + 1) / 2) + 1;
  }

  private waitForLeader(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.askForVotes(), PATIENCE_MS + Math.random() * MORE_PATIENCE_MS);
  }

  private askForVotes(): void {
    this.term++;
    this.role = 'candidate';
    this.leader = null;
    this.votedFor = this.options.name;
    this.votes.clear();
    this.votes.add(this.options.name);
    this.waitForLeader();
    for (const peer of this.peers.values()) this.send(peer, { kind: 'vote', last: this.log.length, lastTerm: this.lastTerm });
  }

  private get lastTerm(): number {
    return this.log.at(-1)?.term ?? 0;
  }

  private send(peer: Peer, message: object): void {
    peer.link.send({ from: this.options.name, term: this.term, ...message });
  }

  private heard(message: Message): void {
    const peer = this.peers.get(message.from);
    if (peer === undefined) return;
    peer.link.heard();
    if (message.term > this.term) this.follow(message.term);
    if (message.kind === 'vote') this.vote(peer, message);
    else if (message.kind === 'append') this.append(peer, message);
    else if (message.term < this.term) return;
    else if (message.kind === 'voted') this.voted(message);
    else this.appended(peer, message);
  }

  /** There is a later term: whoever led, or wanted to, does no more. */
  private follow(term: number): void {
    const hasLed = this.role === 'leader';
    this.term = term;
    this.role = 'follower';
    this.votedFor = null;
    this.leader = null;
    this.waitForLeader();
    if (hasLed) this.options.onFollower(term);
  }

  private vote(peer: Peer, { from, term, last, lastTerm }: Message & { kind: 'vote' }): void {
    const isBehind = lastTerm < this.lastTerm || (lastTerm === this.lastTerm && last < this.log.length);
    const granted = term === this.term && (this.votedFor === null || this.votedFor === from) && !isBehind;
    if (granted) {
      this.votedFor = from;
      this.waitForLeader();
    }
    this.send(peer, { kind: 'voted', granted });
  }

  private voted({ from, granted }: Message & { kind: 'voted' }): void {
    if (this.role !== 'candidate' || !granted) return;
    this.votes.add(from);
    if (this.votes.size < this.majority) return;
    this.role = 'leader';
    this.leader = this.options.name;
    clearTimeout(this.timer);
    for (const each of this.peers.values()) {
      each.has = 0;
      each.next = this.log.length;
    }
    this.options.onLeader(this.term);
    this.beat();
  }

  private beat(): void {
    if (this.role !== 'leader') return;
    for (const peer of this.peers.values()) this.sendEntries(peer);
    this.timer = setTimeout(() => this.beat(), HEARTBEAT_MS);
  }

  private sendEntries(peer: Peer): void {
    const { next } = peer;
    this.send(peer, { kind: 'append', after: next, afterTerm: this.log[next - 1]?.term ?? 0, entries: this.log.slice(next), promised: this.promised });
  }

  private append(peer: Peer, { from, term, after, afterTerm, entries, promised }: Message & { kind: 'append' }): void {
    const isTimely = term === this.term;
    const fits = isTimely && after <= this.log.length && (this.log[after - 1]?.term ?? 0) === afterTerm;
    if (isTimely) {
      this.role = 'follower';
      this.leader = from;
      this.waitForLeader();
    }
    if (fits) {
      for (const [i, entry] of entries.entries()) {
        // What contradicts the leader was never promised.
        if (this.log[after + i]?.term !== entry.term) this.log.splice(after + i, Infinity, entry);
      }
      this.promised = Math.max(this.promised, Math.min(promised, after + entries.length));
    }
    this.send(peer, { kind: 'appended', fits, length: fits ? after + entries.length : Math.min(after - 1, this.log.length) });
  }

  private appended(peer: Peer, { fits, length }: Message & { kind: 'appended' }): void {
    if (this.role !== 'leader') return;
    peer.next = Math.max(length, 0);
    if (!fits) return;
    peer.has = Math.max(peer.has, length);
    const counts = [this.log.length, ...[...this.peers.values()].map(({ has }) => has)].sort((a, b) => b - a);
    const most = counts[this.majority - 1] as number;
    // Only entries of the own term are counted; with them come those before (section 5.4.2).
    if (most <= this.promised || this.log[most - 1]?.term !== this.term) return;
    this.promised = most;
    for (const [place, socket] of this.waiting) {
      if (place > most) continue;
      this.waiting.delete(place);
      answer(socket, { ok: true, value: (this.log[place - 1] as Entry).value });
    }
  }

  private asked(socket: Socket, question: Question): void {
    if (this.role !== 'leader') return answer(socket, { ok: false, leader: this.leader });
    if (question.op === 'get') return answer(socket, { ok: true, value: this.log[this.promised - 1]?.value ?? null });
    this.log.push({ term: this.term, value: question.value });
    this.waiting.set(this.log.length, socket);
    for (const peer of this.peers.values()) this.sendEntries(peer);
  }
}

function answer(socket: Socket, words: Answer): void {
  sendMessage(socket, words);
  socket.end();
}
