/**
 * The open file descriptions of a host: how many there are, and whether there may be another one (fs.file-max, the host's
 * memory). `/proc/sys/fs/file-nr` shows them.
 */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import type { Settings } from '../base/settings.ts';

export class FileTable {
  /** Descriptions that somebody holds. */
  count = 0;
  private readonly memory: KernelMemory;
  private readonly settings: Settings;

  constructor(memory: KernelMemory, settings: Settings) {
    this.memory = memory;
    this.settings = settings;
  }

  /**
   * May `who` have `files` more descriptions, and `bytes` for what is behind them? 0; -ENFILE beyond fs.file-max, which holds
   * for whoever has no CAP_SYS_ADMIN (alloc_empty_file); `-lacking` when the host has no memory.
   */
  refusal(who: Credentials, files: number, bytes: number, lacking: number = Errno.ENOMEM): number {
    if (this.count + files > this.settings.fileMax && !who.has(Capability.SYS_ADMIN)) return -Errno.ENFILE;
    return this.memory.lacks(files * Cost.FILE + bytes) ? -lacking : 0;
  }

  opened(): void {
    this.count++;
    this.memory.hold(Cost.FILE);
  }

  closed(): void {
    this.count--;
    this.memory.letGo(Cost.FILE);
  }
}
