/** /proc/sys: the host's settings under their sysctl names, and the limits of System V IPC. */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Device } from '../anonymous.ts';
import { GeneratedFile } from '../fs/generated-file.ts';
import type { Directory, Inode } from '../fs/inode.ts';
import { MSGMAX, MSGMNB } from '../ipc/message-queue.ts';
import { MQ_MSG_MAX, MQ_MSGSIZE_MAX, MQ_QUEUES_MAX } from '../ipc/posix-queue.ts';
import { SEMMNI, SEMMSL, SEMOPM } from '../ipc/semaphores.ts';
import type { KernelProcess } from '../process.ts';
import { LiveDirectory, ROOT } from './nodes.ts';
import type { ProcFileSystem } from './proc.ts';

/** SHMMAX, SHMALL: as large as they can be. What all segments of a host may take is limited otherwise. */
const SHMMAX = '18446744073692774399';
/** SEMMNS. */
const SEMAPHORES = SEMMSL * SEMMNI;

/** What is no setting of the network: text, which cannot be changed. */
function fixedText(proc: ProcFileSystem, name: string): string | null {
  switch (name) {
    case 'kernel.hostname': return proc.kernel.stack.settings.hostname;
    case 'kernel.ostype': return 'Linux';
    case 'kernel.msgmax': return String(MSGMAX);
    case 'kernel.msgmnb': return String(MSGMNB);
    case 'kernel.msgmni': return String(proc.kernel.ipc.queues.most);
    case 'kernel.sem': return [SEMMSL, SEMAPHORES, SEMOPM, proc.kernel.ipc.semaphores.most].join('\t');
    case 'kernel.shmmax': return SHMMAX;
    case 'kernel.shmall': return SHMMAX;
    case 'kernel.shmmni': return String(proc.kernel.ipc.segments.most);
    case 'kernel.pid_max': return '4194304';
    case 'fs.nr_open': return '1048576';
    case 'fs.file-nr': return `${proc.kernel.fileTable.count}\t0\t${proc.kernel.stack.settings.fileMax}`;
    case 'fs.mqueue.msg_max': return String(MQ_MSG_MAX);
    case 'fs.mqueue.msgsize_max': return String(MQ_MSGSIZE_MAX);
    case 'fs.mqueue.queues_max': return String(MQ_QUEUES_MAX);
    default: return null;
  }
}

const FIXED = [
  'kernel.hostname', 'kernel.ostype', 'kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmmax', 'kernel.shmall',
  'kernel.shmmni', 'kernel.pid_max', 'fs.nr_open', 'fs.file-nr', 'fs.mqueue.msg_max', 'fs.mqueue.msgsize_max', 'fs.mqueue.queues_max',
];

class SettingFile extends GeneratedFile {
  private readonly proc: ProcFileSystem;
  private readonly name: string;

  constructor(proc: ProcFileSystem, name: string) {
    super(proc.numbers.next(), fixedText(proc, name) === null ? 0o644 : 0o444, ROOT, proc.numbers);
    this.proc = proc;
    this.name = name;
  }

  override get device(): number {
    return Device.PROC;
  }

  override get hasEnd(): boolean {
    return true;
  }

  /** Whoever may configure the network has root's rights to its settings (net_ctl_permissions). */
  override permits(ordinarily: boolean): boolean {
    return ordinarily || (this.name.startsWith('net.') && (this.mode & 0o200) !== 0 && this.proc.asker.credentials.has(Capability.NET_ADMIN));
  }

  contents(): string | number {
    const text = fixedText(this.proc, this.name) ?? this.proc.kernel.stack.settings.get(this.name);
    return text === null ? -Errno.ENOENT : `${text}\n`;
  }

  override store(text: string, _writer: KernelProcess): number {
    if (fixedText(this.proc, this.name) !== null) return -Errno.EPERM;
    const value = text.trim();
    if (value === '') return -Errno.EINVAL;
    return this.proc.kernel.stack.settings.set(this.name, value) ? new TextEncoder().encode(text).length : -Errno.EINVAL;
  }
}

/** A directory of settings: `prefix` is what their names begin with, without the dot; '' for all of them. */
export class SettingsDirectory extends LiveDirectory {
  private readonly proc: ProcFileSystem;
  private readonly prefix: string;

  constructor(proc: ProcFileSystem, prefix: string, name: string, parent: Directory) {
    super(proc.numbers, name, parent);
    this.proc = proc;
    this.prefix = prefix === '' ? '' : `${prefix}.`;
  }

  private everyName(): string[] {
    return [...FIXED, ...this.proc.kernel.stack.settings.names()].filter((name) => name.startsWith(this.prefix));
  }

  protected listNames(): string[] {
    const { length } = this.prefix;
    return [...new Set(this.everyName().map((name) => name.slice(length).split('.')[0] as string))];
  }

  protected has(name: string): boolean {
    return this.listNames().includes(name);
  }

  protected make(name: string): Inode {
    const whole = this.prefix + name;
    return this.everyName().includes(whole) ? new SettingFile(this.proc, whole) : new SettingsDirectory(this.proc, whole, name, this);
  }
}
