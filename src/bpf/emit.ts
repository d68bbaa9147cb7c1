/**
 * From the graph of tests to a program.
 *
 * Called by compile.ts. A first pass goes with the ways and makes the instructions of each node, leaving out loads of what
 * is in a register on all ways to it. A second one goes from the end on, when it is known how far each jump has to
 * reach, and lays the instructions down: a conditional jump skips 255 at most; farther ones lead to a jump that goes on.
 */
import { Evaluation } from './evaluate.ts';
import type { Flow, FlowNode } from './flow.ts';
import { Code, type Instruction, instruction, SOURCE_X } from './instruction.ts';
import type { Comparison, Test } from './decision.ts';

const JUMPS: Readonly<Record<Comparison, number>> = {
  equal: Code.JumpEqual,
  greater: Code.JumpGreater,
  'greater-equal': Code.JumpGreaterEqual,
  'any-bit': Code.JumpSet,
};
const FARTHEST = 255;

/** What A and X hold (ids of values; -1: not the same on all ways). */
interface Registers {
  readonly a: number;
  readonly x: number;
}
const UNKNOWN: Registers = { a: -1, x: -1 };

/** The program; it keeps `snapLen` bytes of the packets that pass. */
export function emit(flow: Flow, snapLen: number): Instruction[] {
  if (flow.start === flow.accept) return [instruction(Code.Return, snapLen)];
  if (flow.start === flow.reject) return [instruction(Code.Return, 0)];
  return layDown(flow, instructionsOf(flow), snapLen);
}

function instructionsOf(flow: Flow): Map<FlowNode, Instruction[]> {
  const before = new Map<FlowNode, Registers>([[flow.start, UNKNOWN]]);
  const made = new Map<FlowNode, Instruction[]>();
  for (const node of flow.nodes) {
    const registers = before.get(node) ?? UNKNOWN;
    const evaluation = new Evaluation(registers.a, registers.x);
    const { value, against } = node.test as Test;
    if (against.kind === 'constant') evaluation.toA(value);
    else evaluation.toAAndX(value, against);
    made.set(node, evaluation.instructions);
    const after: Registers = { a: evaluation.inA, x: evaluation.inX };
    for (const to of [node.ifTrue as FlowNode, node.ifFalse as FlowNode]) {
      const other = before.get(to);
      before.set(to, other === undefined ? after : { a: same(other.a, after.a), x: same(other.x, after.x) });
    }
  }
  return made;
}

function same(one: number, other: number): number {
  return one === other ? one : -1;
}

function layDown(flow: Flow, made: Map<FlowNode, Instruction[]>, snapLen: number): Instruction[] {
  // Backwards: the last instruction first. Places are counted from the end.
  const program = [instruction(Code.Return, 0), instruction(Code.Return, snapLen)];
  const places = new Map<FlowNode, number>([[flow.reject, 1], [flow.accept, 2]]);
  /** The last jump laid down for a place that was too far away: others reach the place through it. */
  const relays = new Map<FlowNode, number>();
  const skip = (to: FlowNode): number => {
    const direct = program.length - (places.get(to) as number);
    const relay = relays.get(to);
    return direct <= FARTHEST || relay === undefined ? direct : program.length - relay;
  };
  const makeReachable = (to: FlowNode): void => {
    // One less than there is: the relay for the node's other way may come between.
    if (skip(to) < FARTHEST) return;
    program.push(instruction(Code.Jump, program.length - (places.get(to) as number)));
    relays.set(to, program.length);
  };
  for (let i = flow.nodes.length - 1; i >= 0; i--) {
    const node = flow.nodes[i] as FlowNode;
    const { comparison, against } = node.test as Test;
    const ifTrue = node.ifTrue as FlowNode;
    const ifFalse = node.ifFalse as FlowNode;
    makeReachable(ifTrue);
    makeReachable(ifFalse);
    const jump = JUMPS[comparison];
    program.push(
      against.kind === 'constant'
        ? instruction(jump, against.k, skip(ifTrue), skip(ifFalse))
        : instruction(jump | SOURCE_X, 0, skip(ifTrue), skip(ifFalse)),
    );
    const instructions = made.get(node) as Instruction[];
    for (let j = instructions.length - 1; j >= 0; j--) program.push(instructions[j] as Instruction);
    places.set(node, program.length);
  }
  return program.reverse();
}
