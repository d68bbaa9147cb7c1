/**
 * A small scanner for TypeScript and JavaScript source, used by check-layers.mjs, check-bans.mjs and build.mjs.
 *
 * It knows comments, strings, template literals, regular expressions, numbers, words and punctuation, which is all that
 * is needed to find imports and forbidden names without being fooled by text inside strings. It needs no compiler: type
 * imports count as imports here, and esbuild drops them, while TypeScript 7 has no interface to ask.
 */

/** Words after which a slash begins a regular expression, although a word stands before it. */
const BEFORE_REGEX = new Set(
  'return typeof case in of delete void throw new do else instanceof await yield default extends'.split(' '),
);
const WORD_START = /[\p{ID_Start}$_#@]/u;
const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xXbBoO][\da-fA-F_]+n?|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?n?)/y;
const REGEX = /\/(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*\]|[^/\\[\n])+\/[\p{ID_Continue}$]*/uy;
const PUNCTUATION = ['>>>=', '...', '===', '!==', '**=', '<<=', '>>=', '&&=', '||=', '??=', '=>', '**', '++', '--'];

/**
 * The tokens of `source`: `{ kind, text, at, line }` with kind word, number, string, template, regex or punct.
 * `text` of a string is what stands between its quotes; a template gives one token per literal part, and the code
 * inside `${}` gives its own tokens.
 */
export function tokens(source) {
  const found = [];
  let at = 0;
  let line = 1;
  /** Depth of braces at which each open `${` ends. */
  const templates = [];
  let depth = 0;

  const push = (kind, text, start, end) => {
    found.push({ kind, text, at: start, line });
    for (let i = source.indexOf('\n', start); i >= 0 && i < end; i = source.indexOf('\n', i + 1)) line++;
    at = end;
  };
  const templatePart = (start) => {
    let end = start;
    while (end < source.length && source[end] !== '`' && !(source[end] === '$' && source[end + 1] === '{')) {
      end += source[end] === '\\' ? 2 : 1;
    }
    const goesOn = source[end] === '$';
    push('template', source.slice(start, end), start, end);
    at = end + (goesOn ? 2 : 1);
    if (goesOn) templates.push(depth++);
  };
  const regexMayStart = () => {
    const last = found[found.length - 1];
    if (!last) return true;
    if (last.kind === 'word') return BEFORE_REGEX.has(last.text);
    return last.kind === 'punct' && last.text !== ')' && last.text !== ']' && last.text !== '}';
  };

  if (source.startsWith('#!')) at = Math.max(0, source.indexOf('\n'));
  while (at < source.length) {
    const c = source[at];
    if (c === '\n') {
      line++;
      at++;
    } else if (c === ' ' || c === '\t' || c === '\r' || c === '\ufeff') {
      at++;
    } else if (c === '/' && source[at + 1] === '/') {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
    } else if (c === '/' && source[at + 1] === '*') {
      const close = source.indexOf('*/', at + 2);
      const end = close < 0 ? source.length : close + 2;
      for (let i = source.indexOf('\n', at); i >= 0 && i < end; i = source.indexOf('\n', i + 1)) line++;
      at = end;
    } else if (c === "'" || c === '"') {
      // A string ends with its line at the latest, so that an apostrophe in JSX text costs one line and no more.
      let end = at + 1;
      while (end < source.length && source[end] !== c && source[end] !== '\n') {
        end += source[end] === '\\' ? 2 : 1;
      }
      push('string', source.slice(at + 1, end), at, source[end] === '\n' ? end : end + 1);
    } else if (c === '`') {
      templatePart(at + 1);
    } else if (c === '{') {
      depth++;
      push('punct', c, at, at + 1);
    } else if (c === '}') {
      depth--;
      if (templates.length > 0 && templates[templates.length - 1] === depth) {
        templates.pop();
        templatePart(at + 1);
      } else {
        push('punct', c, at, at + 1);
      }
    } else if (/\d/.test(c) || (c === '.' && /\d/.test(source[at + 1] ?? ''))) {
      NUMBER.lastIndex = at;
      push('number', NUMBER.exec(source)?.[0] ?? c, at, Math.max(at + 1, NUMBER.lastIndex));
    } else if (WORD_START.test(c)) {
      WORD.lastIndex = at;
      push('word', WORD.exec(source)?.[0] ?? c, at, Math.max(at + 1, WORD.lastIndex));
    } else {
      REGEX.lastIndex = at;
      const regex = c === '/' && regexMayStart() ? REGEX.exec(source) : null;
      if (regex) push('regex', regex[0], at, REGEX.lastIndex);
      else {
        const long = PUNCTUATION.find((text) => source.startsWith(text, at));
        push('punct', long ?? c, at, at + (long ?? c).length);
      }
    }
  }
  return found;
}

/**
 * Every module name that `source` refers to: `{ name, line, at, form }`, with form static, dynamic, require or url.
 * `name` is null where it is computed. Type imports, `import('x')` types and `export ... from` count.
 */
export function importsOf(source) {
  const all = tokens(source);
  const found = [];
  const is = (i, text) => all[i]?.kind !== 'string' && all[i]?.kind !== 'template' && all[i]?.text === text;
  const add = (i, form) => {
    const literal = all[i]?.kind === 'string' || (all[i]?.kind === 'template' && is(i + 1, ')'));
    const { line, at } = all[i] ?? all[all.length - 1];
    found.push({ name: literal ? all[i].text : null, line, at, form });
  };
  /** Position of the string after the next `from`, before anything that cannot stand in an import clause. */
  const fromAfter = (start) => {
    for (let i = start; i < all.length; i++) {
      if (is(i, 'from') && all[i + 1]?.kind === 'string') return i + 1;
      const clause = all[i].kind === 'word' || all[i].kind === 'string' || '{},*'.includes(all[i].text);
      if (!clause) return -1;
    }
    return -1;
  };
  for (let i = 0; i < all.length; i++) {
    if (all[i].kind !== 'word' || is(i - 1, '.') || is(i - 1, '?.')) continue;
    if (all[i].text === 'import') {
      if (all[i + 1]?.kind === 'string') add(i + 1, 'static');
      else if (is(i + 1, '(')) add(i + 2, 'dynamic');
      else if (!is(i + 1, '.') && !is(i + 1, ':')) {
        const at = fromAfter(i + 1);
        if (at > 0) add(at, 'static');
      }
    } else if (all[i].text === 'export') {
      const first = is(i + 1, 'type') ? i + 2 : i + 1;
      if (is(first, '*') || is(first, '{')) {
        let end = first;
        if (is(first, '{')) while (end < all.length && !is(end, '}')) end++;
        const at = is(first, '{') ? (is(end + 1, 'from') ? end + 2 : -1) : fromAfter(first + 1);
        if (at > 0 && all[at]?.kind === 'string') add(at, 'static');
      }
    } else if (all[i].text === 'require' && is(i + 1, '(') && !is(i - 1, 'function')) {
      add(i + 2, 'require');
    } else if (
      all[i].text === 'URL' &&
      is(i - 1, 'new') &&
      is(i + 3, ',') &&
      is(i + 4, 'import') &&
      is(i + 6, 'meta')
    ) {
      // `new URL('./worker.ts', import.meta.url)` loads a module as surely as an import does.
      if (all[i + 2]?.kind === 'string') add(i + 2, 'url');
    }
  }
  return found;
}
