/**
 * What a program in a process of its own writes to its standard output and error lies in files until the world looks (output-files.ts).
 * The world looks before there is too much of it, so that a turn which writes without end fills no disk, and before the other stream
 * goes on, so that both have one order: of what is written by `process.stdout` and `process.stderr`, and by functions of node:fs.
 *
 * Called by program.ts.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { NodeProgram } from '../../../api/node/node-program.ts';

/** After so much output the world reads it, in bytes (of text in UTF-16 units). */
const OUTPUT_BYTES = 1 << 20;

/** Those that take a descriptor first, and then what is to be written. */
const WRITERS = ['write', 'writeSync', 'writev', 'writevSync', 'writeFile', 'writeFileSync', 'appendFile', 'appendFileSync'] as const;

type Function_ = (this: unknown, ...args: unknown[]) => unknown;

/** `read` has the world read the files. */
export function watchOutput(read: () => void): void {
  const watch = new OutputWatch(read);
  NodeProgram.runOutside(() => {
    for (const [fd, stream] of [[1, process.stdout], [2, process.stderr]] as const) {
      const write = stream.write.bind(stream) as Function_;
      stream.write = ((chunk: unknown, ...rest: unknown[]) => {
        watch.goesOn(fd, sizeOf(chunk));
        return write(chunk, ...rest);
      }) as typeof stream.write;
    }
  });
  const functions = fs as unknown as Record<string, Function_>;
  for (const name of WRITERS) {
    const machine = functions[name] as Function_;
    const value: Function_ = function (fd, data, ...rest) {
      if (fd === 1 || fd === 2) watch.wrote(sizeOf(data), fd);
      return machine.call(this, fd, data, ...rest);
    };
    // With what Node has put onto it, such as how it is promisified.
    Object.defineProperties(value, Object.getOwnPropertyDescriptors(machine));
    functions[name] = value;
  }
  syncBuiltinESMExports();
}

class OutputWatch {
  private readonly read: () => void;
  private last = 0;
  private waiting = 0;

  constructor(read: () => void) {
    this.read = read;
  }

  /** A stream writes so much. */
  goesOn(fd: number, bytes: number): void {
    if (this.waiting > 0 && fd !== this.last) this.look();
    this.wrote(bytes, fd);
  }

  /** The same past the streams. */
  wrote(bytes: number, fd: number): void {
    if (this.waiting >= OUTPUT_BYTES) this.look();
    this.last = fd;
    this.waiting += bytes;
  }

  private look(): void {
    this.waiting = 0;
    this.read();
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  if (ArrayBuffer.isView(data)) return data.byteLength;
  return Array.isArray(data) ? data.reduce((sum: number, one) => sum + sizeOf(one), 0) : 0;
}
