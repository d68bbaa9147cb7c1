/**
 * From the graph of tests to a program.
 *
 * Called by compile.ts. A first pass goes with the ways and makes the instructions of each node, leaving out loads of what
 * is in a register on all ways to it. A second one goes from the end on, when it is known how far each jump has to
 * reach, and lays the instructions down: a conditional jump skips 255 at most, so that a farther one leads to a
 * jump of its own behind it.
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
  // Backwards: the last instruction first.
  const program = [instruction(Code.Return, 0), instruction(Code.Return, snapLen)];
  /** How many instructions lie from a node's first one to the end of the program. */
  const toEnd = new Map<FlowNode, number>([[flow.reject, 1], [flow.accept, 2]]);
  for (let i = flow.nodes.length - 1; i >= 0; i--) {
    const node = flow.nodes[i] as FlowNode;
    const { comparison, against } = node.test as Test;
    const reach = (to: FlowNode): number => program.length - (toEnd.get(to) as number);
    const ifTrue = node.ifTrue as FlowNode;
    const ifFalse = node.ifFalse as FlowNode;
    // One less: a jump of its own for the other way may come between.
    const isTrueFar = reach(ifTrue) >= FARTHEST;
    const isFalseFar = reach(ifFalse) >= FARTHEST;
    if (isTrueFar) program.push(instruction(Code.Jump, reach(ifTrue)));
    if (isFalseFar) program.push(instruction(Code.Jump, reach(ifFalse)));
    const jt = isTrueFar ? (isFalseFar ? 1 : 0) : reach(ifTrue);
    const jf = isFalseFar ? 0 : reach(ifFalse);
    const jump = JUMPS[comparison];
    program.push(
      against.kind === 'constant'
        ? instruction(jump, against.k, jt, jf)
        : instruction(jump | SOURCE_X, 0, jt, jf),
    );
    const instructions = made.get(node) as Instruction[];
    for (let j = instructions.length - 1; j >= 0; j--) program.push(instructions[j] as Instruction);
    toEnd.set(node, program.length);
  }
  return program.reverse();
}
