/**
 * From a tree of tests to a graph of jumps, and the graph made shorter.
 *
 * Called by compile.ts. Every test becomes a node with two ways on; all ways lead on, to accept or reject in the end, so
 * the nodes' numbers can rise along them: a program jumps forward only. Two things shorten the graph:
 *
 * - A test whose outcome is known on the way to it is passed by: behind "the type is IPv4", "the type is ARP" is known.
 *   Of the ways that lead to a node, what they have in common counts (the tests that dominate it).
 * - A node whose two ways lead to the same place is left out, and with it the load for its test.
 *
 * The first changes no verdict: what is passed by had been loaded before. The second does, for packets too short for the
 * load, and libpcap does the same. A filter that comes out as `reject` everywhere is refused, as by libpcap.
 */
import { holds, type Test, type Decision } from './decision.ts';

export class FlowNode {
  /** Null for the two ends. */
  readonly test: Test | null;
  ifTrue: FlowNode | null;
  ifFalse: FlowNode | null;
  /** Falls along every way: nodes are made from the end on. */
  readonly number: number;
  /** What is known on every way that leads here. */
  knowledge: Knowledge | null = null;
  isReached = false;

  constructor(test: Test | null, number: number, ifTrue: FlowNode | null, ifFalse: FlowNode | null) {
    this.test = test;
    this.number = number;
    this.ifTrue = ifTrue;
    this.ifFalse = ifFalse;
  }
}

/** The outcome of one test, and of those before it: a list that branches as the ways do. */
interface Knowledge {
  readonly test: Test;
  readonly outcome: boolean;
  readonly before: Knowledge | null;
  readonly depth: number;
}

export interface Flow {
  /** Where it begins: an end when the filter accepts or rejects everything. */
  readonly start: FlowNode;
  readonly accept: FlowNode;
  readonly reject: FlowNode;
  /** The nodes that are reached, ends left out, in an order in which all ways lead on. */
  readonly nodes: readonly FlowNode[];
}

/** How far back knowledge is looked for: beyond any filter of a person, and it keeps long lists of ports from taking minutes. */
const MOST_STEPS_BACK = 500;
/** Each round of shortening leaves out at least one node, and the second is rarely needed. */
const MOST_ROUNDS = 10;

export function makeFlow(tree: Decision): Flow {
  const reject = new FlowNode(null, 0, null, null);
  const accept = new FlowNode(null, 1, null, null);
  const nodes: FlowNode[] = [];
  const made = build(tree, accept, reject, nodes);
  // Made from the end on; read from the start on.
  nodes.reverse();
  let start = made;
  let reached = mark(start, nodes);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    passKnownTests(start, reached);
    start = leaveOutIdle(start, reached);
    const left = mark(start, reached);
    const isDone = left.length === reached.length;
    reached = left;
    if (isDone) break;
  }
  return { start, accept, reject, nodes: reached };
}

/** The node that decides `tree`. Loops along left operands: chains of `or` are as long as people's lists. */
function build(tree: Decision, accept: FlowNode, reject: FlowNode, nodes: FlowNode[]): FlowNode {
  let ifTrue = accept;
  let ifFalse = reject;
  let at = tree;
  for (;;) {
    switch (at.kind) {
      case 'always':
        return ifTrue;
      case 'never':
        return ifFalse;
      case 'not':
        [ifTrue, ifFalse] = [ifFalse, ifTrue];
        at = at.of;
        break;
      case 'and':
        ifTrue = build(at.second, ifTrue, ifFalse, nodes);
        at = at.first;
        break;
      case 'or':
        ifFalse = build(at.second, ifTrue, ifFalse, nodes);
        at = at.first;
        break;
      case 'test': {
        const node = new FlowNode(at, nodes.length + 2, ifTrue, ifFalse);
        nodes.push(node);
        return node;
      }
    }
  }
}

/** Marks what is reached from `start` and returns it, in order. */
function mark(start: FlowNode, nodes: readonly FlowNode[]): FlowNode[] {
  for (const node of nodes) node.isReached = false;
  start.isReached = true;
  return nodes.filter((node) => {
    if (!node.isReached) return false;
    (node.ifTrue as FlowNode).isReached = true;
    (node.ifFalse as FlowNode).isReached = true;
    return true;
  });
}

function passKnownTests(start: FlowNode, nodes: readonly FlowNode[]): void {
  for (const node of nodes) node.isReached = false;
  start.isReached = true;
  start.knowledge = null;
  for (const node of nodes) {
    if (!node.isReached) continue;
    node.ifTrue = leadOn(node, true, node.ifTrue as FlowNode);
    node.ifFalse = leadOn(node, false, node.ifFalse as FlowNode);
  }
}

/** Where the way from `node` leads once tests with a known outcome are passed by; tells the target what is known. */
function leadOn(node: FlowNode, outcome: boolean, from: FlowNode): FlowNode {
  const depth = (node.knowledge?.depth ?? 0) + 1;
  const knowledge: Knowledge = { test: node.test as Test, outcome, before: node.knowledge, depth };
  let to = from;
  while (to.test !== null) {
    const known = outcomeOf(to.test, knowledge);
    if (known === null) break;
    to = (known ? to.ifTrue : to.ifFalse) as FlowNode;
  }
  to.knowledge = to.isReached ? common(to.knowledge, knowledge) : knowledge;
  to.isReached = true;
  return to;
}

/** What two ways have in common. */
function common(one: Knowledge | null, other: Knowledge | null): Knowledge | null {
  let a = one;
  let b = other;
  while (a !== b) {
    if ((a?.depth ?? 0) > (b?.depth ?? 0)) a = (a as Knowledge).before;
    else b = (b as Knowledge).before;
  }
  return a;
}

function outcomeOf(test: Test, knowledge: Knowledge): boolean | null {
  let steps = 0;
  for (let at: Knowledge | null = knowledge; at !== null && steps < MOST_STEPS_BACK; at = at.before, steps++) {
    const outcome = implied(test, at);
    if (outcome !== null) return outcome;
  }
  return null;
}

function implied(test: Test, { test: earlier, outcome }: Knowledge): boolean | null {
  if (earlier.value !== test.value) return null;
  if (earlier.comparison === test.comparison && earlier.against === test.against) return outcome;
  // Only "it is this number" tells more than its own repetition.
  if (earlier.comparison !== 'equal' || !outcome) return null;
  if (earlier.against.kind !== 'constant' || test.against.kind !== 'constant') return null;
  return holds(test.comparison, earlier.against.k, test.against.k);
}

/** From the end on, so that what a node leads to has been shortened before. Returns the new start. */
function leaveOutIdle(start: FlowNode, nodes: readonly FlowNode[]): FlowNode {
  const behind = (node: FlowNode): FlowNode => (node.test !== null && node.ifTrue === node.ifFalse ? (node.ifTrue as FlowNode) : node);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as FlowNode;
    node.ifTrue = behind(node.ifTrue as FlowNode);
    node.ifFalse = behind(node.ifFalse as FlowNode);
  }
  return behind(start);
}
