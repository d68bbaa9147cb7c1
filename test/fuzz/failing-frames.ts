/**
 * Keeps what made a fuzz test fail: the last frames go into a pcapng under build/, and the message names the file and
 * the seed, so that the run can be repeated and the frames looked at.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { root, seed } from '../results.ts';

/** The last frames that were handed in, oldest first. */
export class RecentFrames {
  private readonly frames: Uint8Array[] = [];
  private readonly most: number;
  private next = 0;

  constructor(most = 64) {
    this.most = most;
  }

  add(frame: Uint8Array): void {
    this.frames[this.next++ % this.most] = frame;
  }

  /** Writes them to build/NAME.pcapng and returns a sentence that says so. */
  save(name: string): string {
    const blocks: Uint8Array[] = [];
    const writer = new PcapngWriter((block) => blocks.push(block), { comment: `seed ${seed}` });
    const id = writer.addInterface({ linkType: 1 });
    const first = Math.max(0, this.next - this.most);
    for (let i = first; i < this.next; i++) writer.packet(id, i, this.frames[i % this.most]);
    mkdirSync(join(root, 'build'), { recursive: true });
    const file = join(root, 'build', `${name}-${seed}.pcapng`);
    writeFileSync(file, joinBlocks(blocks));
    return `seed ${seed}, frame ${this.next - 1}; it is the last one in ${file}`;
  }
}

/** Frames to inject: the sample of `npm test`, all in the long tier, or what SOCKSCAPE_FRAMES says. */
export function frameCount(sample: number, full: number): number {
  const asked = Number(process.env.SOCKSCAPE_FRAMES ?? 0);
  if (asked > 0) return asked;
  return process.env.SOCKSCAPE_FULL === '1' ? full : sample;
}
