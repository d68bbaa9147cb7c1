/** Character devices under /dev: null, zero, full, random, urandom. */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { RandomSource } from '../../base/random.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { type FileSystemLimits, Inode, S } from './inode.ts';
import type { Seekable } from './regular-file.ts';

/** What a device does with bytes. */
export interface Driver {
  /** May epoll wait for it? Those that are always ready are refused, as files are. */
  readonly polls: boolean;
  read(to: Uint8Array, at: number, length: number): number;
  write(length: number): number;
}

const takesAll = (length: number): number => length;

function zeros(to: Uint8Array, at: number, length: number): number {
  to.fill(0, at, at + length);
  return length;
}

export const NULL: Driver = { polls: false, read: () => 0, write: takesAll };
export const ZERO: Driver = { polls: false, read: zeros, write: takesAll };
export const FULL: Driver = { polls: false, read: zeros, write: () => -Errno.ENOSPC };

export function randomDriver(random: RandomSource): Driver {
  return {
    polls: true,
    read(to, at, length) {
      for (let i = 0; i < length; i++) to[at + i] = random.int32();
      return length;
    },
    write: takesAll,
  };
}

export class Device extends Inode {
  readonly driver: Driver;
  readonly major: number;
  readonly minor: number;

  constructor(number: number, driver: Driver, major: number, minor: number, owner: Credentials, limits: FileSystemLimits) {
    super(number, S.IFCHR, 0o666, owner, limits);
    this.driver = driver;
    this.major = major;
    this.minor = minor;
  }

  override get rdev(): number {
    return (this.major << 8) | this.minor;
  }
}

const NOBODY = new WaitQueue();

/** An open device. Its position is there for lseek(2) and means nothing. */
export class OpenDevice implements Seekable {
  readonly inode: Device;
  readonly accessMode: number;
  readonly waiters: WaitQueue = NOBODY;
  position = 0;
  readonly size = 0;

  constructor(inode: Device, accessMode: number) {
    this.inode = inode;
    this.accessMode = accessMode;
    inode.opens++;
  }

  read(to: Uint8Array, at: number, length: number): number {
    return this.inode.driver.read(to, at, length);
  }

  write(_from: Uint8Array, _at: number, length: number): number {
    return this.inode.driver.write(length);
  }

  readAt(_offset: number, to: Uint8Array, at: number, length: number): number {
    return this.read(to, at, length);
  }

  writeAt(_offset: number, from: Uint8Array, at: number, length: number): number {
    return this.write(from, at, length);
  }

  /** It takes any position and has none (null_lseek, noop_llseek). */
  seek(): number {
    return 0;
  }

  get isAlwaysReady(): boolean {
    return !this.inode.driver.polls;
  }

  get canSplice(): boolean {
    return true;
  }

  readiness(): number {
    return Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM;
  }

  control(): number {
    return -Errno.ENOTTY;
  }

  release(): void {
    this.inode.closed();
  }
}
