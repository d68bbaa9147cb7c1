/**
 * The numbers that JavaScript sees as the `fd` of our handles. A descriptor of a program counts from 3 as every process's
 * do, so on the machine its number means something else, and Node asks the machine about numbers (guessHandleType, fs.close).
 * So a number that is asked for is one of the machine's: an unbound socket of the same kind, which stays as long as the
 * handle does.
 */
import { binding } from './bindings.ts';
import { NodeProgram } from './node-program.ts';

interface MachineHandle {
  readonly fd: number;
  bind(address: string, port: number, flags: number): number;
  close(): void;
}

/** Of TEST-NET-1 (RFC 5737): no machine has it, so the machine makes the socket and then refuses to bind it. */
const NOBODY = '192.0.2.1';

interface Owner {
  readonly program: NodeProgram;
  readonly descriptor: number;
}

const owners: Map<number, Owner> = new Map();

/** A number of the machine's that stands for a descriptor of a program. */
export class DescriptorNumber {
  readonly number: number;
  private readonly holder: MachineHandle;

  constructor(program: NodeProgram, descriptor: number, kind: 'TCP' | 'UDP') {
    this.holder = NodeProgram.runOutside(() => {
      const holder = machineHandle(kind);
      holder.bind(NOBODY, 0, 0);
      return holder;
    });
    this.number = NodeProgram.runOutside(() => this.holder.fd);
    owners.set(this.number, { program, descriptor });
  }

  release(): void {
    owners.delete(this.number);
    NodeProgram.runOutside(() => this.holder.close());
  }
}

function machineHandle(kind: 'TCP' | 'UDP'): MachineHandle {
  if (kind === 'UDP') return new (binding('udp_wrap').UDP as unknown as new () => MachineHandle)();
  const { TCP, constants } = binding('tcp_wrap');
  return new (TCP as unknown as new (type: number) => MachineHandle)(constants.SOCKET);
}

/** The descriptor of this program that a number stands for; the number itself where it stands for none. */
export function descriptorOf(program: NodeProgram, number: number): number {
  const owner = owners.get(number);
  return owner?.program === program ? owner.descriptor : number;
}
