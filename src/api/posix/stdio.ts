/**
 * stdio(3): `FILE`, a buffer in front of a descriptor. What a descriptor's calls do at once, a FILE does when its buffer is
 * full, at the end of a line, or never, as C's rules have it; two FILEs of one description do not know of each other.
 *
 *   FILE (buffer, position in it) -> descriptor -> description -> file
 *
 * Functions have C's names and order of arguments, and resolve to what C returns; an error is in `file.errno`.
 */
import { mustHave, readBytes, readNumber, readText, wrongKind } from '../../base/arguments.ts';
import { isKind } from '../../base/thrown.ts';
import {
  EBADF, O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, S_IFCHR, S_IFMT, SEEK_CUR, SEEK_END, SEEK_SET,
} from './constants.ts';
import { type FormatArgument, formatted } from './printf.ts';
import type { SystemError, Syscalls } from './syscalls.ts';

export const EOF = -1;
/** What setvbuf(3)'s callers allocate; a stream without it takes its file's st_blksize, as glibc does. */
export const BUFSIZ = 8192;
/** setvbuf(3)'s modes: full, by line, none. */
export const _IOFBF = 0;
export const _IOLBF = 1;
export const _IONBF = 2;

const NEWLINE = 0x0a;
/** With a smaller buffer glibc writes everything rather than leave the rest of a block in it. */
const LEAST_BLOCK = 128;
const NEW_FILE_MODE = 0o666;
const encoder = new TextEncoder();

export class FILE {
  readonly process: Syscalls;
  /** fileno(3); -1 when it is closed. */
  fd: number;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  mode: number = _IOFBF;
  buffer: Uint8Array = new Uint8Array(0);
  /** Read and not yet taken: from `at` to `end`. Written and not yet flushed: from 0 to `end`, while `writing`. */
  at = 0;
  end = 0;
  writing = false;
  atEnd = false;
  failed = false;
  /** The last error's number, 0 before any. */
  errno = 0;
  /** ungetc(3)'s byte; -1 for none. */
  pushedBack = -1;
  /** setvbuf came, or the first transfer chose: by line for a terminal, full for anything else. */
  settled = false;
  /** The call that has the stream, or the last of those that wait for it (flockfile(3)); null while nobody does. */
  lock: Promise<unknown> | null = null;

  constructor(process: Syscalls, fd: number, canRead: boolean, canWrite: boolean) {
    this.process = process;
    this.fd = fd;
    this.canRead = canRead;
    this.canWrite = canWrite;
  }
}

/** The streams of a process that are open, for fflush(null) and exit(3). */
const openStreams = new WeakMap<Syscalls, Set<FILE>>();

function register(file: FILE): FILE {
  const streams = openStreams.get(file.process) ?? new Set();
  streams.add(file);
  openStreams.set(file.process, streams);
  return file;
}

/** stdin, stdout and stderr of a process. Made once: whoever asks again gets the same ones. */
const standard = new WeakMap<Syscalls, { stdin: FILE; stdout: FILE; stderr: FILE }>();

export function stdio(process: Syscalls): { readonly stdin: FILE; readonly stdout: FILE; readonly stderr: FILE } {
  mustBeProcess('stdio', process);
  let streams = standard.get(process);
  if (streams === undefined) {
    const [stdin, stdout, stderr] = [0, 1, 2].map((fd) => register(new FILE(process, fd, fd === 0, fd !== 0))) as [FILE, FILE, FILE];
    stderr.mode = _IONBF;
    stderr.settled = true;
    streams = { stdin, stdout, stderr };
    standard.set(process, streams);
  }
  return streams;
}

function mustBeFile(name: string, file: unknown): void {
  if (!isKind(file, FILE)) throw wrongKind(`${name}: a stream`, 'a FILE (fopen, stdio)', file);
}

function mustBeProcess(name: string, process: unknown): void {
  mustHave(`${name}: process`, 'a Process', process, 'open', 'read', 'write', 'close', 'lseek', 'fstat');
}

/** A C int or size_t; what is left out is 0. */
function int(what: string, value: unknown): number {
  return Math.trunc(readNumber(what, value) ?? 0);
}

/** One call at a time, in the order they came, as C's streams have it between threads (flockfile(3)). */
async function locked<T>(name: string, file: FILE, work: () => Promise<T>): Promise<T> {
  mustBeFile(name, file);
  const mine = file.lock === null ? work() : file.lock.then(work, work);
  file.lock = mine;
  try {
    return await mine;
  } finally {
    if (file.lock === mine) file.lock = null;
  }
}

function fail(file: FILE, error: unknown): void {
  const { errno } = error as SystemError;
  if (typeof errno !== 'number') throw error;
  file.failed = true;
  file.errno = -errno;
}

/** fopen's mode as open's flags; null when it is none. */
function flagsOf(mode: string): { flags: number; canRead: boolean; canWrite: boolean } | null {
  const kind = mode[0];
  if (kind !== 'r' && kind !== 'w' && kind !== 'a') return null;
  const both = mode.includes('+');
  const canRead = both || kind === 'r';
  const canWrite = both || kind !== 'r';
  let flags = both ? O_RDWR : canRead ? O_RDONLY : O_WRONLY;
  if (kind === 'w') flags |= O_CREAT | O_TRUNC;
  if (kind === 'a') flags |= O_CREAT | O_APPEND;
  if (mode.includes('x') && kind !== 'r') flags |= O_EXCL;
  if (mode.includes('e')) flags |= O_CLOEXEC;
  return { flags, canRead, canWrite };
}

/** fopen(3): `mode` r, w or a, with +, x, e, b. Rejects as open(2) does, or with a TypeError for another mode. */
export async function fopen(process: Syscalls, path: string, mode: string): Promise<FILE> {
  mustBeProcess('fopen', process);
  readText('fopen: path', path);
  const how = flagsOf(readText('fopen: mode', mode));
  if (how === null) throw new TypeError(`fopen: '${mode}' is no mode: r, w or a, and then +, x, e, b`);
  const fd = await process.open(path, how.flags, NEW_FILE_MODE);
  // So that ftell tells where the next write goes (_IO_file_open).
  if (!how.canRead && (how.flags & O_APPEND) !== 0) await process.lseek(fd, 0, SEEK_END).catch(() => {});
  return register(new FILE(process, fd, how.canRead, how.canWrite));
}

/** fdopen(3): a FILE over a descriptor that is open. */
export function fdopen(process: Syscalls, fd: number, mode: string): FILE {
  mustBeProcess('fdopen', process);
  readNumber('fdopen: fd', fd);
  const how = flagsOf(readText('fdopen: mode', mode));
  if (how === null) throw new TypeError(`fdopen: '${mode}' is no mode: r, w or a, and then +`);
  return register(new FILE(process, fd, how.canRead, how.canWrite));
}

export function fileno(file: FILE): number {
  mustBeFile('fileno', file);
  return file.fd;
}

export function feof(file: FILE): boolean {
  mustBeFile('feof', file);
  return file.atEnd;
}

export function ferror(file: FILE): boolean {
  mustBeFile('ferror', file);
  return file.failed;
}

export function clearerr(file: FILE): void {
  mustBeFile('clearerr', file);
  file.failed = false;
  file.atEnd = false;
}

/**
 * setvbuf(3): before the first transfer. Without a buffer of the caller's the size stays what it would be, as glibc has it.
 * 0, or -1 for a mode that is none and while a call waits.
 */
export function setvbuf(file: FILE, buffer: Uint8Array | null, mode: number, size?: number): number {
  mustBeFile('setvbuf', file);
  const own = buffer === null ? null : readBytes('setvbuf: buffer', buffer, 'a Uint8Array or null');
  const length = size === undefined ? (own?.length ?? 0) : int('setvbuf: size', size);
  readNumber('setvbuf: mode', mode);
  if (mode !== _IOFBF && mode !== _IOLBF && mode !== _IONBF) return -1;
  // A call that waits has its bytes under way to or from the buffer.
  if (file.lock !== null) return -1;
  file.mode = mode;
  file.settled = true;
  if (own !== null && length > 0 && !file.writing && file.at === file.end) file.buffer = own.subarray(0, length);
  return 0;
}

/** Chooses how to buffer, before the first transfer: by line before a terminal. */
async function settle(file: FILE): Promise<void> {
  if (file.settled && file.buffer.length > 0) return;
  const { mode, blksize } = await file.process.fstat(file.fd).catch(() => ({ mode: 0, blksize: BUFSIZ }));
  if (!file.settled && (mode & S_IFMT) === S_IFCHR) file.mode = _IOLBF;
  file.settled = true;
  if (file.buffer.length === 0) file.buffer = new Uint8Array(file.mode === _IONBF ? 1 : blksize);
}

/** Writes out what is buffered: 0 or EOF. What could not be written is kept. */
async function writeOut(file: FILE): Promise<number> {
  let done = 0;
  try {
    while (done < file.end) done += await file.process.write(file.fd, file.buffer.subarray(done, file.end));
  } catch (error) {
    fail(file, error);
  }
  file.buffer.copyWithin(0, done, file.end);
  file.end -= done;
  return file.end === 0 ? 0 : EOF;
}

/** fflush(3): one stream, or all of a process's. Of an input, what was read ahead is given back (lseek). */
export async function fflush(file: FILE | null, process?: Syscalls): Promise<number> {
  if (file === null) {
    let result = 0;
    for (const stream of openStreams.get(process as Syscalls) ?? []) if (stream.writing) result |= await fflush(stream);
    return result;
  }
  return locked('fflush', file, () => flush(file));
}

async function flush(file: FILE): Promise<number> {
  if (file.writing) return writeOut(file);
  const ahead = file.end - file.at + (file.pushedBack >= 0 ? 1 : 0);
  if (ahead > 0) await file.process.lseek(file.fd, -ahead, SEEK_CUR).then(() => forgetAhead(file), () => {});
  return 0;
}

function forgetAhead(file: FILE): void {
  file.at = 0;
  file.end = 0;
  file.pushedBack = -1;
}

/** fclose(3): flushes and closes. */
export function fclose(file: FILE): Promise<number> {
  return locked('fclose', file, () => close(file));
}

async function close(file: FILE): Promise<number> {
  let result = await flush(file);
  openStreams.get(file.process)?.delete(file);
  const { fd } = file;
  file.fd = -1;
  try {
    await file.process.close(fd);
  } catch (error) {
    fail(file, error);
    result = EOF;
  }
  return result;
}

// Writing.

/** fwrite(3): how many whole items were taken. */
export async function fwrite(bytes: Uint8Array, size: number, items: number, file: FILE): Promise<number> {
  mustBeFile('fwrite', file);
  const plain = readBytes('fwrite: bytes', bytes);
  const each = int('fwrite: size', size), most = int('fwrite: items', items);
  if (!(each > 0 && most > 0)) return 0;
  const taken = await locked('fwrite', file, () => put(file, plain.subarray(0, each * most)));
  return Math.floor(taken / each);
}

/**
 * Puts bytes into the buffer, and out of it as the mode says, in the pieces in which glibc does (_IO_new_file_xsputn); how
 * many were taken.
 */
async function put(file: FILE, bytes: Uint8Array): Promise<number> {
  if (!file.canWrite || file.fd < 0) {
    file.failed = true;
    file.errno = EBADF;
    return 0;
  }
  await settle(file);
  const began = file.writing;
  if (!began) {
    await flush(file);
    forgetAhead(file);
    file.writing = true;
  }
  if (file.mode === _IONBF) return direct(file, bytes);
  const room = began ? file.buffer.length - file.end : 0;
  const newline = file.mode === _IOLBF && room >= bytes.length ? bytes.lastIndexOf(NEWLINE) : -1;
  let at = buffered(file, bytes, 0, newline >= 0 ? newline + 1 : room);
  if (at === bytes.length && newline < 0) return at;
  if ((await writeOut(file)) !== 0) return at;
  // Whole blocks go out without a copy, and the rest waits.
  const block = file.buffer.length;
  const blocks = bytes.length - (block >= LEAST_BLOCK ? (bytes.length - at) % block : 0);
  at += await direct(file, bytes.subarray(at, blocks));
  while (at >= blocks && at < bytes.length) {
    const end = file.mode === _IOLBF ? bytes.indexOf(NEWLINE, at) : -1;
    at += buffered(file, bytes, at, (end < 0 ? bytes.length : end + 1) - at);
    if (end >= 0 && (await writeOut(file)) !== 0) break;
  }
  return at;
}

/** Copies up to `most` bytes, and no more than there is room for; how many that were. */
function buffered(file: FILE, bytes: Uint8Array, from: number, most: number): number {
  const n = Math.min(most, bytes.length - from, file.buffer.length - file.end);
  file.buffer.set(bytes.subarray(from, from + n), file.end);
  file.end += n;
  return n;
}

async function direct(file: FILE, bytes: Uint8Array): Promise<number> {
  let done = 0;
  try {
    while (done < bytes.length) done += await file.process.write(file.fd, bytes.subarray(done));
  } catch (error) {
    fail(file, error);
  }
  return done;
}

/** fputs(3): a number that is not negative, or EOF. */
export async function fputs(text: string | Uint8Array, file: FILE): Promise<number> {
  const bytes = typeof text === 'string' ? encoder.encode(text) : readBytes('fputs: text', text, 'a string or a Uint8Array');
  return (await locked('fputs', file, () => put(file, bytes))) === bytes.length ? 1 : EOF;
}

/** fputc(3): the byte, or EOF. */
export async function fputc(byte: number, file: FILE): Promise<number> {
  const one = Uint8Array.of(int('fputc: byte', byte));
  return (await locked('fputc', file, () => put(file, one))) === 1 ? (one[0] as number) : EOF;
}

/** fprintf(3): how many bytes it made, or a negative number. Formats: printf.ts. */
export async function fprintf(file: FILE, format: string, ...args: FormatArgument[]): Promise<number> {
  mustBeFile('fprintf', file);
  const bytes = formatted('fprintf', format, args);
  return (await locked('fprintf', file, () => put(file, bytes))) === bytes.length ? bytes.length : EOF;
}

/** sprintf(3), as a string. */
export function sprintf(format: string, ...args: FormatArgument[]): string {
  return new TextDecoder().decode(formatted('sprintf', format, args));
}

// Reading.

/** Leaves off writing: what is buffered goes out. False when it could not. */
async function readsNow(file: FILE): Promise<boolean> {
  if (file.writing && (await writeOut(file)) !== 0) return false;
  file.writing = false;
  return true;
}

/** Fills the buffer: how many bytes there are, 0 at the end or after an error. */
async function fill(file: FILE): Promise<number> {
  if (!file.canRead || file.fd < 0) {
    file.failed = true;
    file.errno = EBADF;
    return 0;
  }
  await settle(file);
  if (!(await readsNow(file))) return 0;
  // Whoever waits at a terminal shall have read the question: what stdout holds by line goes out first.
  const { stdout } = standard.get(file.process) ?? {};
  if (file.mode !== _IOFBF && stdout !== undefined && stdout !== file && stdout.mode === _IOLBF) await fflush(stdout);
  try {
    const n = await file.process.read(file.fd, file.buffer);
    file.at = 0;
    file.end = n;
    if (n === 0) file.atEnd = true;
    return n;
  } catch (error) {
    fail(file, error);
    return 0;
  }
}

/** fread(3): how many whole items came. */
export async function fread(into: Uint8Array, size: number, items: number, file: FILE): Promise<number> {
  mustBeFile('fread', file);
  const room = readBytes('fread: into', into);
  const each = int('fread: size', size), most = int('fread: items', items);
  const wanted = Math.min(each * most, room.length);
  if (!(each > 0 && wanted > 0)) return 0;
  const done = await locked('fread', file, () => take(file, room, wanted));
  return Math.floor(done / each);
}

/** Reads into the first `wanted` bytes of `into`; how many came. */
async function take(file: FILE, into: Uint8Array, wanted: number): Promise<number> {
  let done = 0;
  if (file.pushedBack >= 0) {
    into[done++] = file.pushedBack;
    file.pushedBack = -1;
  }
  while (done < wanted) {
    if ((file.writing || file.at === file.end) && (await fill(file)) === 0) break;
    const n = Math.min(wanted - done, file.end - file.at);
    into.set(file.buffer.subarray(file.at, file.at + n), done);
    file.at += n;
    done += n;
  }
  return done;
}

/** fgetc(3): the byte, or EOF. */
export function fgetc(file: FILE): Promise<number> {
  return locked('fgetc', file, () => takeByte(file));
}

async function takeByte(file: FILE): Promise<number> {
  const byte = new Uint8Array(1);
  return (await take(file, byte, 1)) === 1 ? (byte[0] as number) : EOF;
}

/** ungetc(3): one byte back. */
export function ungetc(byte: number, file: FILE): number {
  mustBeFile('ungetc', file);
  const value = int('ungetc: byte', byte);
  if (value < 0 || file.pushedBack >= 0) return EOF;
  file.pushedBack = value & 0xff;
  file.atEnd = false;
  return file.pushedBack;
}

/** fgets(3): at most `size - 1` bytes, up to a newline and with it; null at the end. */
export async function fgets(size: number, file: FILE): Promise<Uint8Array | null> {
  const most = int('fgets: size', size);
  return locked('fgets', file, () => takeLine(file, most));
}

async function takeLine(file: FILE, size: number): Promise<Uint8Array | null> {
  const line: number[] = [];
  while (line.length < size - 1) {
    if (!file.writing && file.pushedBack < 0 && file.at < file.end) {
      const byte = file.buffer[file.at++] as number;
      line.push(byte);
      if (byte === NEWLINE) break;
      continue;
    }
    const byte = await takeByte(file);
    if (byte === EOF) break;
    line.push(byte);
    if (byte === NEWLINE) break;
  }
  return line.length > 0 ? Uint8Array.from(line) : null;
}

// Positions.

/** fseek(3): 0, or -1 with `file.errno`. */
export async function fseek(file: FILE, offset: number, whence: number): Promise<number> {
  const to = readNumber('fseek: offset', offset) ?? 0, from = readNumber('fseek: whence', whence) ?? 0;
  return locked('fseek', file, () => seek(file, to, from));
}

async function seek(file: FILE, offset: number, whence: number): Promise<number> {
  if (!(await readsNow(file))) return -1;
  const ahead = file.end - file.at + (file.pushedBack >= 0 ? 1 : 0);
  try {
    await file.process.lseek(file.fd, whence === SEEK_CUR ? offset - ahead : offset, whence);
  } catch (error) {
    file.errno = -(error as SystemError).errno;
    return -1;
  }
  forgetAhead(file);
  file.atEnd = false;
  return 0;
}

/** ftell(3): the position, or -1 with `file.errno`. */
export function ftell(file: FILE): Promise<number> {
  return locked('ftell', file, () => tell(file));
}

async function tell(file: FILE): Promise<number> {
  try {
    const position = await file.process.lseek(file.fd, 0, SEEK_CUR);
    if (file.writing) return position + file.end;
    return position - (file.end - file.at) - (file.pushedBack >= 0 ? 1 : 0);
  } catch (error) {
    file.errno = -(error as SystemError).errno;
    return -1;
  }
}

export function rewind(file: FILE): Promise<void> {
  return locked('rewind', file, async () => {
    await seek(file, 0, SEEK_SET);
    file.failed = false;
  });
}
