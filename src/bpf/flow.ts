/**
 * From a tree of tests to a graph of jumps, and the graph made shorter.
 *
 * Called by compile.ts. Every test becomes a node with two ways on; all ways lead on, to accept or reject in the end, so
 * the nodes' numbers can rise along them: a program jumps forward only. Four things shorten the graph:
 *
 * - A test whose outcome is known on the way to it is passed by: behind "the type is IPv4", "the type is ARP" is known.
 * - A node whose two ways lead to the same place is left out, and with it the load for its test.
 * - In a row of alternatives (or of conditions), tests of the same value are put behind each other: it is loaded once.
 * - Nodes with the same test that lead to the same places become one. This comes last: the fewer ways lead to a node, the
 *   more is known there.
 *
 * The first changes no verdict: what is passed by had been loaded before. The second and third change some, of packets too
 * short for a load; libpcap's optimizer does the same. A filter that comes out as `reject` everywhere is refused, as by
 * libpcap.
 */
import { type Decision, hasShift, holds, type Test } from './decision.ts';
import { type Knowledge, learn, meet, numbersOf, outcomeOf } from './knowledge.ts';

export class FlowNode {
  /** Null for the two ends. */
  test: Test | null;
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

export interface Flow {
  /** Where it begins: an end when the filter accepts or rejects everything. */
  readonly start: FlowNode;
  readonly accept: FlowNode;
  readonly reject: FlowNode;
  /** The nodes that are reached, ends left out, in an order in which all ways lead on. */
  readonly nodes: readonly FlowNode[];
}

/** Each round of shortening leaves out at least one node, and the second is rarely needed. */
const MOST_ROUNDS = 10;

export function makeFlow(tree: Decision): Flow {
  const reject = new FlowNode(null, 0, null, null);
  const accept = new FlowNode(null, 1, null, null);
  const nodes: FlowNode[] = [];
  const made = build(tree, false, both(accept), both(reject), nodes);
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
  group(start, reached);
  start = unite(start, reached);
  return { start, accept, reject, nodes: mark(start, reached) };
}

/** Where a decision leads on, by whether a `shift` (decision.ts) has been passed until then. */
interface Ways {
  readonly plain: FlowNode;
  readonly shifted: FlowNode;
}

function both(node: FlowNode): Ways {
  return { plain: node, shifted: node };
}

/**
 * The node that decides `tree`. Loops along left operands: chains of `or` are as long as people's lists. A filter has one
 * `shift` at most: what stands behind it is made twice, what stands inside it once.
 */
function build(tree: Decision, wasShifted: boolean, accept: Ways, reject: Ways, nodes: FlowNode[]): FlowNode {
  let ifTrue = accept;
  let ifFalse = reject;
  let isShifted = wasShifted;
  let at = tree;
  const on = (ways: Ways): FlowNode => (isShifted ? ways.shifted : ways.plain);
  const behind = (first: Decision, second: Decision): Ways =>
    isShifted || !hasShift(first)
      ? both(build(second, isShifted, ifTrue, ifFalse, nodes))
      : { plain: build(second, false, ifTrue, ifFalse, nodes), shifted: build(second, true, ifTrue, ifFalse, nodes) };
  for (;;) {
    switch (at.kind) {
      case 'always':
        return on(ifTrue);
      case 'never':
        return on(ifFalse);
      case 'shift':
        isShifted = true;
        at = at.of;
        break;
      case 'staged':
        at = isShifted ? at.shifted : at.plain;
        break;
      case 'not':
        [ifTrue, ifFalse] = [ifFalse, ifTrue];
        at = at.of;
        break;
      case 'and':
        ifTrue = behind(at.first, at.second);
        at = at.first;
        break;
      case 'or':
        ifFalse = behind(at.first, at.second);
        at = at.first;
        break;
      case 'test': {
        const node = new FlowNode(at, nodes.length + 2, on(ifTrue), on(ifFalse));
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
  const knowledge = learn(node.knowledge, node.test as Test, outcome);
  let to = from;
  for (;;) {
    const next = beyond(to, knowledge);
    if (next === null) break;
    to = next;
  }
  to.knowledge = to.isReached ? meet(to.knowledge, knowledge) : knowledge;
  to.isReached = true;
  return to;
}

/** Where `node` is known to lead, or null. */
function beyond(node: FlowNode, knowledge: Knowledge): FlowNode | null {
  const { test } = node;
  if (test === null) return null;
  const outcome = outcomeOf(test, knowledge);
  if (outcome !== null) return outcome ? node.ifTrue : node.ifFalse;
  const numbers = test.against.kind === 'constant' ? numbersOf(test.value, knowledge) : null;
  if (numbers === null || numbers.length === 0) return null;
  // "TCP or UDP?" has one answer for all numbers that the protocol can be, even where "TCP?" has not.
  const targets = new Set(numbers.map((number) => decide(node, test, number)));
  return targets.size === 1 ? ([...targets][0] as FlowNode) : null;
}

/** Where tests of one value lead, from `node` on, when the value is `number`. */
function decide(node: FlowNode, { value }: Test, number: number): FlowNode {
  let at = node;
  while (at.test?.value === value && at.test.against.kind === 'constant') {
    at = (holds(at.test.comparison, number, at.test.against.k) ? at.ifTrue : at.ifFalse) as FlowNode;
  }
  return at;
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

/** From the end on, so that what nodes lead to has been united before. Returns the new start. */
function unite(start: FlowNode, nodes: readonly FlowNode[]): FlowNode {
  const byMeaning = new Map<string, FlowNode>();
  const united = new Map<FlowNode, FlowNode>();
  const one = (node: FlowNode): FlowNode => united.get(node) ?? node;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as FlowNode;
    node.ifTrue = one(node.ifTrue as FlowNode);
    node.ifFalse = one(node.ifFalse as FlowNode);
    const { value, comparison, against } = node.test as Test;
    const meaning = `${value.id} ${comparison} ${against.id} ${node.ifTrue.number} ${node.ifFalse.number}`;
    const same = byMeaning.get(meaning);
    if (same === undefined) byMeaning.set(meaning, node);
    else united.set(node, same);
  }
  return one(start);
}

/**
 * Rows of nodes that lead to one place when a test holds (or, in the other kind of row, when it does not) and else to the
 * next of the row, and that nothing else leads to. Only their tests change places.
 */
function group(start: FlowNode, nodes: readonly FlowNode[]): void {
  const waysIn = new Map<FlowNode, number>([[start, 1]]);
  for (const { ifTrue, ifFalse } of nodes) {
    for (const to of [ifTrue as FlowNode, ifFalse as FlowNode]) waysIn.set(to, (waysIn.get(to) ?? 0) + 1);
  }
  const done = new Set<FlowNode>();
  for (const [exit, on] of [['ifTrue', 'ifFalse'], ['ifFalse', 'ifTrue']] as const) {
    done.clear();
    for (const first of nodes) {
      if (done.has(first)) continue;
      const row = [first];
      const belongs = (node: FlowNode): boolean => node.test !== null && waysIn.get(node) === 1 && node[exit] === first[exit];
      for (let next = first[on] as FlowNode; belongs(next); next = next[on] as FlowNode) row.push(next);
      for (const node of row) done.add(node);
      const byValue = new Map<number, Test[]>();
      for (const { test } of row as { test: Test }[]) {
        const tests = byValue.get(test.value.id);
        if (tests === undefined) byValue.set(test.value.id, [test]);
        else tests.push(test);
      }
      [...byValue.values()].flat().forEach((test, i) => ((row[i] as FlowNode).test = test));
    }
  }
}
