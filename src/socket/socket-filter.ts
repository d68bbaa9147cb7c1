/**
 * SO_ATTACH_FILTER, SO_DETACH_FILTER and SO_LOCK_FILTER: the classic BPF program that decides what a socket gets to see.
 *
 * In C the option's value is a `struct sock_fprog`, which points at the program. There are no pointers here: the value is
 * the program itself, eight bytes an instruction (`struct sock_filter`, little-endian).
 */
import { readList, readRecord, readWhole } from '../base/arguments.ts';
import { Errno } from '../base/errno.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import { checkProgram } from '../bpf/check.ts';
import type { Instruction } from '../bpf/instruction.ts';
import { Filter } from '../bpf/machine.ts';

const INSTRUCTION_LEN = 8;
/** More than a program may have (BPF_MAXINSNS): that is setsockopt's to refuse. */
const MOST_INSTRUCTIONS = 65536;

/** A program as the value of SO_ATTACH_FILTER: `setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filterBytes(program))`. */
export function filterBytes(program: readonly Instruction[]): Uint8Array {
  const all = readList('filterBytes: program', program, 'an array of { code, jt, jf, k }', MOST_INSTRUCTIONS, true, (each) =>
    readRecord('filterBytes: every instruction', each, '{ code, jt, jf, k }', ({ code, jt, jf, k }) => ({
      code: readWhole('filterBytes: code', code, 0, 0xffff), jt: readWhole('filterBytes: jt', jt, 0, 0xff),
      jf: readWhole('filterBytes: jf', jf, 0, 0xff), k: readWhole('filterBytes: k', k, -0x80000000, 0xffffffff),
    })));
  const bytes = new Uint8Array(all.length * INSTRUCTION_LEN);
  const view = new DataView(bytes.buffer);
  all.forEach(({ code, jt, jf, k }, i) => {
    const at = i * INSTRUCTION_LEN;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}

function readProgram(value: Uint8Array): Instruction[] {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const program: Instruction[] = [];
  for (let at = 0; at + INSTRUCTION_LEN <= value.length; at += INSTRUCTION_LEN) {
    program.push({
      code: view.getUint16(at, true), jt: view.getUint8(at + 2), jf: view.getUint8(at + 3), k: view.getUint32(at + 4, true),
    });
  }
  return program;
}

export class SocketFilter {
  /** Null lets everything in. */
  program: Filter | null = null;
  /** SO_LOCK_FILTER: whoever gives a socket away can be sure that the filter stays. */
  isLocked = false;
  private charged = 0;

  private readonly memory: KernelMemory;

  /** `memory`: of the host that is charged. */
  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  /** 0, -EPERM (locked), -ENOMEM or -EINVAL: no whole instructions, or a program that the checker refuses (sk_attach_filter). */
  attach(value: Uint8Array): number {
    if (this.isLocked) return -Errno.EPERM;
    if (value.length % INSTRUCTION_LEN !== 0) return -Errno.EINVAL;
    const program = readProgram(value);
    if (checkProgram(program) !== null) return -Errno.EINVAL;
    if (!this.memory.take(program.length * Cost.INSTRUCTION)) return -Errno.ENOMEM;
    this.drop();
    this.program = new Filter(program);
    this.charged = program.length * Cost.INSTRUCTION;
    return 0;
  }

  detach(): number {
    if (this.isLocked) return -Errno.EPERM;
    if (this.program === null) return -Errno.ENOENT;
    this.drop();
    return 0;
  }

  /** The program goes, locked or not: its socket does. */
  drop(): void {
    this.memory.letGo(this.charged);
    this.charged = 0;
    this.program = null;
  }

  /** A lock is never taken off again. */
  lock(on: boolean): number {
    if (this.isLocked && !on) return -Errno.EPERM;
    this.isLocked = on;
    return 0;
  }
}
