/** What ping counts, and the two lines that say so. Called by ping.ts; times in microseconds. */

export class PingStatistics {
  transmitted = 0;
  received = 0;
  repeats = 0;
  errors = 0;
  checksums = 0;
  /** Of the first request and of the last one. */
  startedUs = 0.5;
  lastSentUs = 0.5;
  private times = 0;
  private least = Infinity;
  largest = 0.5;
  private sum = 0.5;
  private squares = 0.5;
  /** Moving average, weighted 1/8 (RFC 6298's), eight times as large. */
  private ewma = 0;
  private pipe = 0;
  /** Replies seen, a bit for each of the 65,536 numbers. */
  private readonly seen = new Uint8Array(8192);

  constructor() {
    this.largest = 0;
    this.sum = 0;
    this.squares = 0;
  }

  sent(nowUs: number): void {
    this.transmitted++;
    if (this.transmitted === 1) this.startedUs = nowUs;
    this.lastSentUs = nowUs;
    this.seen[(this.transmitted & 0xffff) >> 3] &= ~(1 << (this.transmitted & 7));
  }

  hasSeen(sequence: number): boolean {
    return (this.seen[(sequence & 0xffff) >> 3] & (1 << (sequence & 7))) !== 0;
  }

  /** A reply, or an error, about a request: how many are on their way at the same time. */
  acknowledge(sequence: number): void {
    const behind = (this.transmitted - sequence) & 0xffff;
    if (behind < 0x8000) this.pipe = Math.max(this.pipe, behind + 1);
  }

  /** True when the reply came before. `time` is -1 when it tells none. */
  reply(sequence: number, time: number): boolean {
    this.acknowledge(sequence);
    if (time >= 0) {
      this.times++;
      this.sum += time;
      this.squares += time * time;
      this.least = Math.min(this.least, time);
      this.largest = Math.max(this.largest, time);
      this.ewma = this.ewma === 0 ? time * 8 : this.ewma + time - Math.floor(this.ewma / 8);
    }
    const isRepeat = this.hasSeen(sequence);
    if (isRepeat) this.repeats++;
    else this.received++;
    this.seen[(sequence & 0xffff) >> 3] |= 1 << (sequence & 7);
    return isRepeat;
  }

  get lostPercent(): string {
    const { transmitted, received } = this;
    // As printf's %g: six digits at most.
    return String(Number(((Math.max(0, transmitted - received) * 100) / transmitted).toPrecision(6)));
  }

  /** Average and mean deviation, as SIGQUIT's line and the last one have them. */
  private averages(): { average: number; deviation: number } {
    const total = this.received + this.repeats;
    const average = Math.floor(this.sum / total);
    const variance = Math.floor(this.squares / total) - average * average;
    return { average, deviation: Math.floor(Math.sqrt(Math.max(0, variance))) };
  }

  summary(host: string, isFlood: boolean): string {
    const { transmitted, received, repeats, errors, checksums } = this;
    let text = `\n--- ${host} ping statistics ---\n${transmitted} packets transmitted, ${received} received`;
    if (repeats > 0) text += `, +${repeats} duplicates`;
    if (checksums > 0) text += `, +${checksums} corrupted`;
    if (errors > 0) text += `, +${errors} errors`;
    const spentUs = this.lastSentUs - this.startedUs;
    if (transmitted > 0) text += `, ${this.lostPercent}% packet loss, time ${Math.floor(spentUs / 1000)}ms`;
    text += '\n';
    const parts: string[] = [];
    if (received > 0 && this.times > 0) {
      const { average, deviation } = this.averages();
      const words = [this.least, average, this.largest, deviation].map(milliseconds);
      parts.push(`rtt min/avg/max/mdev = ${words.join('/')} ms`);
    }
    if (this.pipe > 1) parts.push(`pipe ${this.pipe}`);
    if (received > 0 && isFlood && transmitted > 1) {
      parts.push(`ipg/ewma ${milliseconds(Math.floor(spentUs / (transmitted - 1)))}/${milliseconds(Math.floor(this.ewma / 8))} ms`);
    }
    return `${text}${parts.join(', ')}\n`;
  }

  /** The line of SIGQUIT. */
  status(): string {
    const { transmitted, received } = this;
    const loss = transmitted > 0 ? Math.floor(((transmitted - received) * 100) / transmitted) : 0;
    let text = `${received}/${transmitted} packets, ${loss}% loss`;
    if (received > 0 && this.times > 0) {
      const words = [this.least, Math.floor(this.ewma / 8) === 0 ? 0 : this.averages().average].map(milliseconds);
      text += `, min/avg/ewma/max = ${words[0]}/${words[1]}/${milliseconds(Math.floor(this.ewma / 8))}/${milliseconds(this.largest)} ms`;
    }
    return `${text}\n`;
  }
}

function milliseconds(us: number): string {
  return `${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, '0')}`;
}

/** A reply's round trip, as its line has it. */
export function tripTime(us: number): string {
  if (us >= 100_000 - 50) return `${Math.floor((us + 500) / 1000)}`;
  if (us >= 10_000 - 5) return ((us + 50 - ((us + 50) % 100)) / 1000).toFixed(1);
  if (us >= 1000) return ((us + 5 - ((us + 5) % 10)) / 1000).toFixed(2);
  return milliseconds(us);
}
