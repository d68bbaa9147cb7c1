/**
 * What is found by an address: a host's addresses, an interface's addresses and groups. As many buckets as there are entries,
 * so that adding and finding one takes the same whatever there is already.
 */
import type { IpAddress } from '../base/inet-address.ts';

const FEW_BUCKETS = 16;

class Node<T> {
  readonly address: IpAddress;
  readonly item: T;
  next: Node<T> | null = null;

  constructor(address: IpAddress, item: T) {
    this.address = address;
    this.item = item;
  }
}

export class AddressIndex<T> {
  private buckets: (Node<T> | null)[] = new Array<Node<T> | null>(FEW_BUCKETS).fill(null);
  private count = 0;

  add(address: IpAddress, item: T): void {
    if (++this.count > this.buckets.length) this.grow();
    this.link(new Node(address, item));
  }

  remove(address: IpAddress, item: T): void {
    const at = this.bucketOf(address.a, address.b, address.c, address.d);
    let before: Node<T> | null = null;
    for (let here = this.buckets[at] as Node<T> | null; here !== null; before = here, here = here.next) {
      if (here.item !== item) continue;
      if (before === null) this.buckets[at] = here.next;
      else before.next = here.next;
      this.count--;
      return;
    }
  }

  clear(): void {
    this.buckets.fill(null);
    this.count = 0;
  }

  /** The entry of an address; of several the one that was added last. */
  find(a: number, b: number, c: number, d: number): T | null {
    for (let here = this.buckets[this.bucketOf(a, b, c, d)] as Node<T> | null; here !== null; here = here.next) {
      if (here.address.is(a, b, c, d)) return here.item;
    }
    return null;
  }

  private link(node: Node<T>): void {
    const { a, b, c, d } = node.address;
    const at = this.bucketOf(a, b, c, d);
    node.next = this.buckets[at] as Node<T> | null;
    this.buckets[at] = node;
  }

  /** The order in a chain stays. */
  private grow(): void {
    const before = this.buckets;
    this.buckets = new Array<Node<T> | null>(before.length * 2).fill(null);
    for (const first of before) {
      const chain: Node<T>[] = [];
      for (let here = first; here !== null; here = here.next) chain.push(here);
      for (let i = chain.length - 1; i >= 0; i--) this.link(chain[i] as Node<T>);
    }
  }

  private bucketOf(a: number, b: number, c: number, d: number): number {
    // Addresses that follow each other differ in their last bits, networks in others: a multiplication spreads both.
    const mixed = Math.imul(d ^ Math.imul(b ^ Math.imul(a ^ c, 31), 31), 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & (this.buckets.length - 1);
  }
}
