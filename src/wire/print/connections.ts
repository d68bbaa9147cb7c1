/**
 * First sequence numbers of the TCP conversations seen so far: what turns later numbers into small relative ones.
 *
 * Asked by tcp.ts, owned by capture/tcpdump-printer.ts. As in tcpdump, only segments with ACK are looked at, one entry
 * serves both directions, and a SYN starts the conversation anew.
 */

export interface Conversation {
  /** First number sent by the side with the lower port (or address), and by the other side, as unsigned 32-bit. */
  seq: number;
  ack: number;
}

/**
 * A flood of forged segments would otherwise fill memory with conversations. The oldest are forgotten, which shows
 * only as absolute numbers in a conversation that was silent for this many others.
 */
const MOST_CONVERSATIONS = 100_000;

export class ConnectionTable {
  private readonly conversations = new Map<string, Conversation>();

  find(key: string): Conversation | undefined {
    return this.conversations.get(key);
  }

  remember(key: string, conversation: Conversation): void {
    if (this.conversations.size >= MOST_CONVERSATIONS && !this.conversations.has(key)) {
      for (const oldest of this.conversations.keys()) {
        this.conversations.delete(oldest);
        break;
      }
    }
    this.conversations.set(key, conversation);
  }

  get size(): number {
    return this.conversations.size;
  }
}
