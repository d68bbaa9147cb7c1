/** Which of Node's own modules have been loaded so far: by a program, or by another module of Node's. */

const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };

/** `name`: as in Node's lib/, 'net' or 'internal/http2/core'. */
export function isLoaded(name: string): boolean {
  return moduleLoadList.includes(`NativeModule ${name}`);
}
