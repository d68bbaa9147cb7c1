/** Where the kernel has an object in its memory, scrambled as `%pK` does: a number that tells it from others, counted by host. */
export class Pointers {
  private readonly given: WeakMap<object, string> = new WeakMap();
  private count = 0;

  /** 16 digits, the same as long as the object is there. */
  of(object: object): string {
    let text = this.given.get(object);
    if (text === undefined) {
      text = (Math.imul(++this.count, 0x9e3779b1) >>> 0).toString(16).padStart(16, '0');
      this.given.set(object, text);
    }
    return text;
  }
}
