/**
 * The head of an HTTP/1 request (RFC 9112 sections 3 to 6), as far as a server of fixed pages needs it.
 */

export interface HttpRequest {
  readonly method: string;
  /** The path of the target, without query. */
  readonly path: string;
  readonly keepAlive: boolean;
  /** Bytes of body that follow. */
  readonly bodyLength: number;
  readonly expectsContinue: boolean;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The request, or the status that refuses it. `head` ends with the empty line. */
export function parseRequest(head: Uint8Array): HttpRequest | number {
  let text = '';
  for (const byte of head) {
    if (byte === 0) return 400;
    text += String.fromCharCode(byte);
  }
  const lines = text.split(/\r?\n/);
  const first = /^(\S+) (\S+) HTTP\/(\d)\.(\d)$/.exec(lines[0] as string);
  if (first === null) return 400;
  const [, method, target, major, minor] = first as unknown as [string, string, string, string, string];
  if (!TOKEN.test(method)) return 400;
  if (major !== '1') return 505;
  const headers = new Map<string, string[]>();
  for (const line of lines.slice(1)) {
    if (line === '') break;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    // RFC 9112 5.1: no space before the colon; 5.2: a folded line is refused.
    if (colon < 0 || !TOKEN.test(name)) return 400;
    const values = headers.get(name.toLowerCase()) ?? [];
    values.push(line.slice(colon + 1).trim());
    headers.set(name.toLowerCase(), values);
  }
  const isOld = minor === '0';
  const hosts = headers.get('host')?.length ?? 0;
  if (hosts > 1 || (hosts === 0 && !isOld)) return 400;
  if (headers.has('transfer-encoding')) return headers.has('content-length') ? 400 : 501;
  const lengths = new Set((headers.get('content-length') ?? []).flatMap((value) => value.split(',').map((part) => part.trim())));
  const [length = '0'] = lengths;
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) return 400;
  const path = pathOf(target);
  if (path === null) return 400;
  const connection = (headers.get('connection') ?? []).join(',').toLowerCase();
  const says = (word: string): boolean => connection.split(',').some((part) => part.trim() === word);
  return {
    method,
    path,
    keepAlive: isOld ? says('keep-alive') : !says('close'),
    bodyLength: Number(length),
    expectsContinue: (headers.get('expect') ?? []).some((value) => value.toLowerCase() === '100-continue'),
  };
}

/** The path of `/path?query` or `http://host/path`; null for what is neither. */
function pathOf(target: string): string | null {
  const absolute = /^http:\/\/[^/?#]+(.*)$/i.exec(target);
  const rest = absolute === null ? target : absolute[1] === '' ? '/' : (absolute[1] as string);
  if (target === '*') return '*';
  return rest.startsWith('/') ? (rest.split('?')[0] as string) : null;
}
