/** The routes of a table by their prefixes: what a table of many routes looks at instead of all of them (routes.ts). */
import type { Route } from './routes.ts';

const NONE: readonly Route[] = [];

export class RouteIndex {
  /** The prefix lengths that there are, in bits of the v4-mapped form, longest first. */
  lengths: number[] = [];
  /** Of each prefix, in the order of the table: lowest metric first, then oldest. */
  private readonly prefixes = new Map<string, Route[]>();
  /** How many routes have each length. */
  private readonly counts = new Map<number, number>();

  /** Those with the prefix and the metric of `route`. */
  of(route: Route): readonly Route[] {
    const list = this.listOf(route);
    const from = placeIn(list, route.metric);
    let to = from;
    while (to < list.length && (list[to] as Route).metric === route.metric) to++;
    return list.slice(from, to);
  }

  private listOf({ isV4, bits, prefix: { a, b, c, d } }: Route): Route[] {
    return this.prefixes.get(keyOf(isV4, bits, a, b, c, d)) ?? [];
  }

  /** Those to the prefix of `bits` that an address lies in. */
  at(isV4: boolean, bits: number, a: number, b: number, c: number, d: number): readonly Route[] {
    const key = keyOf(isV4, bits, a & mask(bits), b & mask(bits - 32), c & mask(bits - 64), d & mask(bits - 96));
    return this.prefixes.get(key) ?? NONE;
  }

  /** `first`: before those of its metric. */
  add(route: Route, first: boolean): void {
    const { isV4, bits, metric, prefix: { a, b, c, d } } = route;
    const list = this.listOf(route);
    if (list.length === 0) this.prefixes.set(keyOf(isV4, bits, a, b, c, d), list);
    list.splice(placeIn(list, first ? metric : metric + 1), 0, route);
    const count = this.counts.get(bits) ?? 0;
    this.counts.set(bits, count + 1);
    if (count === 0) this.lengths = [...this.counts.keys()].sort((x, y) => y - x);
  }

  /** Both have one prefix and metric. */
  replace(old: Route, route: Route): void {
    const list = this.listOf(old);
    list[list.indexOf(old)] = route;
  }

  remove(route: Route): void {
    const { isV4, bits, prefix: { a, b, c, d } } = route;
    const list = this.listOf(route);
    list.splice(list.indexOf(route), 1);
    if (list.length === 0) this.prefixes.delete(keyOf(isV4, bits, a, b, c, d));
    const count = (this.counts.get(bits) as number) - 1;
    if (count > 0) {
      this.counts.set(bits, count);
      return;
    }
    this.counts.delete(bits);
    this.lengths = this.lengths.filter((length) => length !== bits);
  }
}

/** Where the first of a metric stands, or would stand (metrics are whole numbers). */
function placeIn(list: readonly Route[], metric: number): number {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((list[middle] as Route).metric >= metric) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** The word of a netmask with so many bits left. */
function mask(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function keyOf(isV4: boolean, bits: number, a: number, b: number, c: number, d: number): string {
  return `${isV4 ? 4 : 6}/${bits}/${a},${b},${c},${d}`;
}
