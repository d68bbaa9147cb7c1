/**
 * The numbers that JavaScript sees as the `fd` of our handles. A descriptor of a program counts from 3 as every process's
 * do, so on the machine its number means something else, and Node asks the machine about numbers (guessHandleType, fs.close).
 * So a number that is asked for is one of the machine's: an unbound socket of the same kind, which stays as long as the
 * handle does.
 */
import { binding, type Request } from './bindings.ts';
import { NodeProgram } from './node-program.ts';

interface MachineHandle {
  readonly fd: number;
  bind(address: string, port: number, flags: number): number;
  connect(request: Request, path: string): void;
  close(): void;
}

/** Of TEST-NET-1 (RFC 5737): no machine has it, so the machine makes the socket and then refuses to bind it. */
const NOBODY = '192.0.2.1';
/** A path that cannot be: the machine makes the socket and then finds nobody there. */
const NOWHERE = '/dev/null/nobody';

type Kind = 'TCP' | 'UDP' | 'Pipe';

const numbers: Map<number, DescriptorNumber> = new Map();

/** A number of the machine's that stands for a descriptor of a program. */
export class DescriptorNumber {
  readonly program: NodeProgram;
  readonly descriptor: number;
  readonly number: number;
  private readonly holder: MachineHandle;
  private users = 0;

  private constructor(program: NodeProgram, descriptor: number, kind: Kind) {
    this.program = program;
    this.descriptor = descriptor;
    this.holder = NodeProgram.runOutside(() => machineHandle(kind));
    this.number = NodeProgram.runOutside(() => this.holder.fd);
    numbers.set(this.number, this);
  }

  /** The one number of this descriptor, whichever handle asks; to be released by each that has asked. */
  static of(program: NodeProgram, descriptor: number, kind: Kind): DescriptorNumber {
    let found: DescriptorNumber | null = null;
    for (const entry of numbers.values()) if (entry.program === program && entry.descriptor === descriptor) found = entry;
    found ??= new DescriptorNumber(program, descriptor, kind);
    found.users++;
    return found;
  }

  release(): void {
    if (--this.users > 0) return;
    numbers.delete(this.number);
    NodeProgram.runOutside(() => this.holder.close());
  }
}

/** A handle of the machine's with a socket that is neither bound nor connected: libuv makes one when it is first used. */
function machineHandle(kind: Kind): MachineHandle {
  if (kind === 'Pipe') {
    const { Pipe, PipeConnectWrap, constants } = binding('pipe_wrap');
    const pipe = new (Pipe as unknown as new (type: number | undefined) => MachineHandle)(constants['SOCKET']);
    const request = new PipeConnectWrap();
    request.oncomplete = () => {};
    pipe.connect(request, NOWHERE);
    return pipe;
  }
  const { TCP, constants } = binding('tcp_wrap');
  const { UDP } = binding('udp_wrap');
  const holder = kind === 'UDP'
    ? new (UDP as unknown as new () => MachineHandle)()
    : new (TCP as unknown as new (type: number) => MachineHandle)(constants.SOCKET);
  holder.bind(NOBODY, 0, 0);
  return holder;
}

/** The descriptor of this program that a number stands for; -1 where it stands for none: the machine's own are not taken. */
export function descriptorOf(program: NodeProgram, number: number): number {
  const found = numbers.get(number);
  return found?.program === program ? found.descriptor : -1;
}
