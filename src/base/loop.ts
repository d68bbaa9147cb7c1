/**
 * The run loop: one per world, or one per real environment. It orders the events of all hosts and wires by (time,
 * sequence number), runs operations that were woken, and hands results to user code after the stack has come to rest.
 *
 *   system call --> core --> device.transmit (enqueues only)
 *        `--> loop.drain():   wires and timers that are due --> runnable operations --> ... until quiet
 *                             then completions (promises resolve, callbacks run), never from inside the stack
 *
 * In real time one event-loop turn has a *slice*: when it is used up, completions wait for the next turn while
 * draining goes on, so that two processes that chat without a pause do not starve Node's timers and sockets. In virtual
 * time the loop takes a macrotask before time moves, but only after user code was woken.
 */
import type { Environment } from './environment.ts';

/** Something that has events: a wire's direction, a host's timers. It keeps its own queue and shows the first one. */
export abstract class EventSource {
  /** Time of its next event; Infinity when it has none. */
  at = Infinity;
  /** Breaks ties: `++loop.sequence` when the event was made. A double from birth. */
  order = 0.5;
  sourceIndex = -1;
  /** Virtual time: its events happen as long as there are others, and do not keep a world going by themselves. */
  isWeak = false;

  /**
   * Takes the first event off, sets `at` and `order` to the next one, calls `loop.update(this)`, and only then acts on
   * the event: whoever changes `at` updates the loop before anything else can, or the heap loses its order.
   */
  abstract run(): void;
}

/** A result on its way to user code. */
export abstract class Completion {
  declare nextCompletion: Completion | null;

  constructor() {
    this.nextCompletion = null;
  }

  abstract deliver(): void;
}

/**
 * Work that a wake made runnable: an operation's next attempt. What is attempted ends in a delivery, so one object goes
 * through both lists.
 */
export abstract class Runnable extends Completion {
  declare nextReady: Runnable | null;
  declare isReady: boolean;

  constructor() {
    super();
    this.nextReady = null;
    this.isReady = false;
  }

  abstract attempt(): void;
}

/** A clock of a machine that virtual time follows: what is due waits until its time has come there, too. */
export interface Pace {
  /** The machine's time on the loop's clock, in microseconds. */
  now(): number;
  /** Has that time come? */
  hasReached(us: number): boolean;
  /** Asks for one call of the loop's `resume` then; a later call replaces it, Infinity cancels it. */
  wakeAt(us: number): void;
}

/** Length of a slice, in microseconds (DESIGN: 0.2 to 0.5 ms). */
const SLICE_US = 500;
/** Calls in a row that have their result at once, between two looks at a real clock. */
const RESULTS_PER_LOOK = 64;
/** The same in virtual time: so many calls, and user code has had a turn's work. They count as events. */
const RESULTS_PER_TURN = 1024;
/** Passes between two looks at a real clock while draining: a look costs 60 ns, a pass about 500. */
const PASSES_PER_LOOK = 32;

export class Loop {
  readonly environment: Environment;
  private readonly virtual: boolean;
  /** The current time in microseconds. Read it from here; it is refreshed once per turn and while draining. */
  now = 0.5;
  /**
   * Sequence number of the newest event: whoever makes one raises it and takes it (`++loop.sequence`). A field and not a
   * function, whose result V8 would box where it is not inlined: 16 bytes a frame.
   */
  sequence = 0.5;
  /** User code was woken since time last moved (virtual time waits for it). */
  userWoken = false;
  /** Events run so far; a double from birth. */
  eventCount = 0.5;
  /** Called (virtual time) when nothing is left to do and no user code was woken: the world is stuck. */
  onIdle: (() => void) | null = null;
  /** Virtual time: `onLimit` is called when this many events have run; it should stop the loop. */
  eventLimit = Infinity;
  /** Virtual time: `onLimit` is called instead of moving the clock past this. */
  timeLimit = Infinity;
  onLimit: (() => void) | null = null;
  /** Virtual time: what its clock follows; null when it moves as soon as nothing is left to do. */
  pace: Pace | null = null;

  private readonly sources: EventSource[] = [];
  private firstReady: Runnable | null = null;
  private lastReady: Runnable | null = null;
  private firstCompletion: Completion | null = null;
  private lastCompletion: Completion | null = null;
  private draining = false;
  private delivering = false;
  private turnStarted = false;
  private sliceEnd = 0.5;
  private turnPending = false;
  private wokenFor = Infinity;
  private stopped = false;
  /** Calls that had their result at once since the clock was looked at; and whether that look found the slice used up. */
  private results = 0;
  private spent = false;
  private passes = 0;
  private readonly turnEnded = (): void => this.nextTurn();
  private readonly virtualTurn = (): void => this.advance();

  constructor(environment: Environment) {
    this.environment = environment;
    this.virtual = environment.virtual;
    this.now = environment.now();
    environment.attach(() => this.wake());
  }

  /** Takes notice of a changed `source.at`. */
  update(source: EventSource): void {
    const heap = this.sources;
    if (source.sourceIndex < 0) {
      if (source.at === Infinity) return;
      heap.push(source);
      this.siftUp(heap.length - 1, source);
    } else if (source.at === Infinity) {
      this.removeSource(source);
    } else {
      const at = source.sourceIndex;
      this.siftUp(at, source);
      if (source.sourceIndex === at) this.siftDown(at, source);
    }
  }

  /** Marks an operation runnable; it is attempted after the current input. */
  ready(work: Runnable): void {
    if (work.isReady) return;
    work.isReady = true;
    work.nextReady = null;
    if (this.lastReady === null) this.firstReady = work;
    else this.lastReady.nextReady = work;
    this.lastReady = work;
  }

  /** Queues a result for user code; it is delivered when the stack has come to rest. */
  complete(completion: Completion): void {
    completion.nextCompletion = null;
    if (this.lastCompletion === null) this.firstCompletion = completion;
    else this.lastCompletion.nextCompletion = completion;
    this.lastCompletion = completion;
  }

  /** Called at the beginning of a system call: makes `now` current, once per turn. */
  enter(): void {
    if (this.turnStarted || this.draining || this.virtual) return;
    this.startTurn();
  }

  /**
   * Runs everything that is due. Called at the end of every system call and by the environment's wake-up; calls from
   * inside a drain return at once, since the outer one goes on.
   */
  drain(): void {
    if (this.draining || this.stopped) return;
    this.draining = true;
    const { virtual } = this;
    if (!virtual && !this.turnStarted) this.startTurn();
    try {
      for (;;) {
        while (this.firstReady !== null) this.runReady(this.firstReady);
        const heap = this.sources;
        const source = heap.length > 0 ? (heap[0] as EventSource) : null;
        if (source === null || source.at > this.now) break;
        source.run();
        if (++this.eventCount > this.eventLimit) this.overLimit();
        if (this.stopped) return;
        if (!virtual && ++this.passes >= PASSES_PER_LOOK) {
          this.passes = 0;
          this.now = this.environment.now();
        }
      }
    } finally {
      this.draining = false;
    }
    this.deliver();
    this.arm();
  }

  /** Virtual time: user code has started something outside a system call; do not move time before it had its turn. */
  userStarted(): void {
    this.userWoken = true;
    this.arm();
  }

  /**
   * A call has its result at once. True when its caller gets it in the next turn all the same (as a completion): a task
   * that never waits goes from microtask to microtask, and nothing else of the process would ever run, nor would a
   * world's limits be looked at.
   */
  holdsBack(): boolean {
    if (this.spent) return true;
    const limit = this.virtual ? RESULTS_PER_TURN : RESULTS_PER_LOOK;
    if (++this.results < limit) return false;
    this.results = 0;
    if (this.stopped) return false;
    if (this.virtual) {
      this.eventCount += RESULTS_PER_TURN;
      if (this.eventCount > this.eventLimit) this.overLimit();
      this.userStarted();
      return true;
    }
    this.enter();
    this.now = this.environment.now();
    this.spent = this.now >= this.sliceEnd;
    return this.spent;
  }

  /** Virtual time that follows a machine's: it is time for something. */
  resume(): void {
    this.arm();
  }

  /**
   * Virtual time that follows a machine's: something comes in from there, and it is now as late as it is there, or as late as
   * the first event that is still to run.
   */
  catchUp(): void {
    if (this.pace === null || this.draining || this.stopped) return;
    const heap = this.sources;
    const at = Math.min(this.pace.now(), heap.length > 0 ? (heap[0] as EventSource).at : Infinity);
    if (at <= this.now) return;
    this.environment.advanceTo(at);
    this.now = at;
  }

  /** Ends the loop: no event runs any more, no wake-up is left. */
  stop(): void {
    this.stopped = true;
    if (this.pace !== null) this.pace.wakeAt(Infinity);
    this.environment.wakeAt(Infinity);
  }

  /** `stop` was called: nothing will be delivered any more. */
  get isStopped(): boolean {
    return this.stopped;
  }

  /** Sources that have an event, for leak tests. */
  *pending(): IterableIterator<EventSource> {
    yield* this.sources;
  }

  private overLimit(): void {
    this.eventLimit = Infinity;
    if (this.onLimit !== null) this.onLimit();
  }

  private runReady(work: Runnable): void {
    this.firstReady = work.nextReady;
    if (this.firstReady === null) this.lastReady = null;
    work.nextReady = null;
    work.isReady = false;
    work.attempt();
  }

  private deliver(): void {
    if (this.firstCompletion === null || this.delivering) return;
    const { virtual } = this;
    this.delivering = true;
    try {
      while (this.firstCompletion !== null) {
        if (!virtual && this.now >= this.sliceEnd) break;
        const completion: Completion = this.firstCompletion;
        this.firstCompletion = completion.nextCompletion;
        if (this.firstCompletion === null) this.lastCompletion = null;
        completion.nextCompletion = null;
        this.userWoken = true;
        completion.deliver();
      }
    } finally {
      this.delivering = false;
    }
  }

  private startTurn(): void {
    this.turnStarted = true;
    this.spent = false;
    this.now = this.environment.now();
    this.sliceEnd = this.now + SLICE_US;
    this.environment.turn(this.turnEnded);
  }

  private nextTurn(): void {
    this.turnStarted = false;
    if (this.stopped) return;
    if (this.firstCompletion !== null || this.firstReady !== null) this.drain();
    else this.arm();
  }

  /** The environment's wake-up. */
  private wake(): void {
    this.wokenFor = Infinity;
    if (this.stopped) return;
    if (this.virtual) this.advance();
    else {
      // A late wake-up takes waiting input before expired timers; both are events here, ordered by their times.
      this.turnStarted = false;
      this.drain();
    }
  }

  private arm(): void {
    if (this.stopped) return;
    if (this.virtual) {
      if (this.turnPending) return;
      this.turnPending = true;
      this.environment.turn(this.virtualTurn);
      return;
    }
    // While a turn is open its end looks again, and one wake-up per turn is enough.
    if (this.turnStarted) return;
    const heap = this.sources;
    const at = heap.length > 0 ? (heap[0] as EventSource).at : Infinity;
    if (at === this.wokenFor) return;
    this.wokenFor = at;
    this.environment.wakeAt(at);
  }

  /** Virtual time: user code had its macrotask; move time from event to event until it is woken again. */
  private advance(): void {
    this.turnPending = false;
    if (this.stopped) return;
    this.userWoken = false;
    for (;;) {
      this.draining = true;
      try {
        for (;;) {
          while (this.firstReady !== null) this.runReady(this.firstReady);
          if (this.firstCompletion !== null) break;
          const heap = this.sources;
          if (heap.length === 0) break;
          const source = heap[0] as EventSource;
          if (heap.length === 1 && source.isWeak) break;
          if (source.at > this.now) {
            const { pace } = this;
            if (pace !== null) {
              const at = Math.min(source.at, this.timeLimit);
              if (!pace.hasReached(at)) return pace.wakeAt(at);
            }
            if (source.at > this.timeLimit) {
              this.timeLimit = Infinity;
              if (this.onLimit !== null) this.onLimit();
              if (this.stopped) return;
            }
            this.environment.advanceTo(source.at);
            this.now = source.at;
          }
          source.run();
          if (++this.eventCount > this.eventLimit) this.overLimit();
          if (this.stopped) return;
        }
      } finally {
        this.draining = false;
      }
      if (this.firstCompletion === null) break;
      // Everything that is due at this instant runs before user code sees its results.
      this.drain();
      if (this.userWoken) return;
    }
    if (!this.userWoken && this.onIdle !== null) this.onIdle();
  }

  private removeSource(source: EventSource): void {
    const at = source.sourceIndex;
    if (at < 0) return;
    source.sourceIndex = -1;
    const last = this.sources.pop() as EventSource;
    if (last === source) return;
    this.siftUp(at, last);
    if (last.sourceIndex === at) this.siftDown(at, last);
  }

  private siftUp(from: number, source: EventSource): void {
    const heap = this.sources;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up] as EventSource;
      if (!before(source, above)) break;
      heap[at] = above;
      above.sourceIndex = at;
      at = up;
    }
    heap[at] = source;
    source.sourceIndex = at;
  }

  private siftDown(from: number, source: EventSource): void {
    const heap = this.sources;
    const size = heap.length;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1] as EventSource, heap[child] as EventSource)) child++;
      const below = heap[child] as EventSource;
      if (!before(below, source)) break;
      heap[at] = below;
      below.sourceIndex = at;
      at = child;
    }
    heap[at] = source;
    source.sourceIndex = at;
  }
}

function before(a: EventSource, b: EventSource): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
