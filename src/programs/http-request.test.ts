import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from './http-request.ts';
import { fillPseudoRandom } from './pseudo-random-bytes.ts';

const parse = (text: string): ReturnType<typeof parseRequest> => parseRequest(new TextEncoder().encode(text));

test('RFC 9112 3: a request line and headers', () => {
  deepEqual(parse('GET /bytes/10?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'), {
    method: 'GET', path: '/bytes/10', keepAlive: true, bodyLength: 5, expectsContinue: true,
  });
  const absolute = parse('HEAD http://example.org HTTP/1.1\nhost:a\n\n');
  deepEqual(absolute, { method: 'HEAD', path: '/', keepAlive: true, bodyLength: 0, expectsContinue: false });
});

test('RFC 9112 9.3: who keeps a connection open', () => {
  for (const [text, expected] of [
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n', false],
    ['GET / HTTP/1.0\r\n\r\n', false],
    ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', true],
  ] as const) {
    const request = parse(text);
    equal(typeof request === 'number' ? request : request.keepAlive, expected, text);
  }
});

test('what is no request is refused with the status that says why', () => {
  const host = 'Host: a\r\n';
  for (const [text, status] of [
    ['GET / HTTP/1.1\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\n${host}${host}\r\n`, 400],
    [`GET  / HTTP/1.1\r\n${host}\r\n`, 400],
    [`GET bytes HTTP/1.1\r\n${host}\r\n`, 400],
    [`G(T / HTTP/1.1\r\n${host}\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host}no colon\r\n\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host}Name : x\r\n\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host} folded\r\n\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400],
    [`GET / HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
    [`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`, 501],
    [`GET / HTTP/2.0\r\n${host}\r\n`, 505],
    ['GET /\0 HTTP/1.0\r\n\r\n', 400],
    ['\r\n\r\n', 400],
  ] as const) {
    equal(parse(text), status, JSON.stringify(text));
  }
});

test('the sequence of /bytes/N follows from the place alone', () => {
  const all = new Int32Array(1000);
  fillPseudoRandom(all, 0);
  const part = new Int32Array(10);
  fillPseudoRandom(part, 990);
  deepEqual(part, all.subarray(990));
  // The finalizer of 0x9e3779b9, worked out by hand with the formula in the file's head.
  let h = 0x9e3779b9n;
  const mask = 0xffffffffn;
  h ^= h >> 16n;
  h = (h * 0x85ebca6bn) & mask;
  h ^= h >> 13n;
  h = (h * 0xc2b2ae35n) & mask;
  h ^= h >> 16n;
  equal((all[0] as number) >>> 0, Number(h));
  notEqual(all[1], all[0]);
});
