/**
 * The standard output and error of a program in a process of its own: two files without a name. A pipe would have to be read
 * while the program runs, when the world stands still, and would be read at times of the machine's; a file holds whatever the
 * program writes, by whichever way (node:fs, C++, the engine's last words), until the world looks.
 */
import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NodeProgram } from '../../../api/node/node-program.ts';
import { makeScratchFolder } from '../scratch-folder.ts';

const PIECE = 1 << 16;
/** So much that was read may lie in a file before it is made short again. */
const MOST_READ = 1 << 20;
const piece = Buffer.allocUnsafeSlow(PIECE);

class OutputFile {
  readonly fd: number;
  private at = 0;
  private readonly tell: (bytes: Buffer) => void;

  constructor(path: string, tell: (bytes: Buffer) => void) {
    // O_APPEND: whoever writes finds the end, also after it has been moved.
    this.fd = openSync(path, 'a+', 0o600);
    this.tell = tell;
  }

  read(): void {
    for (;;) {
      const n = readSync(this.fd, piece, 0, PIECE, this.at);
      if (n === 0) break;
      this.at += n;
      this.tell(piece.subarray(0, n));
    }
    if (this.at < MOST_READ) return;
    ftruncateSync(this.fd, 0);
    this.at = 0;
  }
}

export class OutputFiles {
  private readonly files: readonly OutputFile[];

  /** `out` and `errors` are called with what was written, as it was cut by chance. */
  constructor(out: (bytes: Buffer) => void, errors: (bytes: Buffer) => void) {
    // Its name is seen by nobody: no escape of the program that spawns.
    const folder = NodeProgram.runOutside(makeScratchFolder);
    try {
      this.files = [new OutputFile(join(folder, 'out'), out), new OutputFile(join(folder, 'err'), errors)];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** For the program: its descriptors 1 and 2. */
  get descriptors(): readonly number[] {
    return this.files.map(({ fd }) => fd);
  }

  /** Tells of what was written since. */
  read(): void {
    for (const file of this.files) file.read();
  }

  close(): void {
    for (const { fd } of this.files) closeSync(fd);
  }
}
