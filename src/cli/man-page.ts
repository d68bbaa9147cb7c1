/**
 * Manual pages: docs/man/*.md read and set for a terminal.
 *
 * A page is Markdown of a few forms: `# name, name`, one line of what it does, `## Section`s with paragraphs, lists of
 * "- `TERM`: text", and blocks of code. The same files are what one reads in a browser. Called by man.ts, and by the test
 * that runs every example.
 */

export interface Block {
  readonly kind: 'text' | 'list' | 'code';
  /** Paragraph or code. */
  readonly text: string;
  /** Of code: `js`, `ts`, `text`, `console`. */
  readonly language: string;
  readonly items: readonly { readonly term: string; readonly text: string }[];
}

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface ManPage {
  readonly names: readonly string[];
  readonly summary: string;
  readonly sections: readonly Section[];
}

export interface PageStyle {
  /** Columns of a line. */
  readonly width: number;
  bold(text: string): string;
  underlined(text: string): string;
}

export const PLAIN: Omit<PageStyle, 'width'> = { bold: (text) => text, underlined: (text) => text };

const INDENT = 7;
const TERM_WIDTH = 16;
const ITEM = /^- (`[^`]+`(?:, `[^`]+`)*): /;

export function parsePage(source: string): ManPage {
  const lines = source.split('\n');
  const names = (lines[0] ?? '').replace(/^# /, '').split(', ');
  const sections: { title: string; blocks: Block[] }[] = [];
  let summary = '';
  let blocks: Block[] = [];
  for (let at = 1; at < lines.length; ) {
    const line = lines[at] as string;
    if (line === '') at++;
    else if (line.startsWith('## ')) {
      blocks = [];
      sections.push({ title: line.slice(3), blocks });
      at++;
    } else if (line.startsWith('```')) {
      const end = lines.indexOf('```', at + 1);
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: 'code', language: line.slice(3), text: lines.slice(at + 1, last).join('\n'), items: [] });
      at = last + 1;
    } else {
      const start = at;
      while (at < lines.length && lines[at] !== '' && !/^(## |```)/.test(lines[at] as string)) at++;
      const part = lines.slice(start, at);
      if (sections.length === 0) summary = part.join(' ');
      else blocks.push(ITEM.test(part[0] as string) ? listOf(part) : { kind: 'text', language: '', text: part.join(' '), items: [] });
    }
  }
  return { names, summary, sections };
}

function listOf(lines: readonly string[]): Block {
  const items: { term: string; text: string }[] = [];
  for (const line of lines) {
    const match = ITEM.exec(line);
    const last = items.at(-1);
    if (match !== null) items.push({ term: (match[1] as string).replaceAll('`', ''), text: line.slice(match[0].length) });
    else if (last !== undefined) last.text += ` ${line.trim()}`;
  }
  return { kind: 'list', language: '', text: '', items };
}

/** The section of that title; null when the page has none. */
export function sectionOf(page: ManPage, title: string): Section | null {
  return page.sections.find((section) => section.title === title) ?? null;
}

/** The page as a terminal shows it. */
export function formatPage(page: ManPage, style: PageStyle): string {
  const out: string[] = [style.bold('NAME'), ...paragraph(`${page.names.join(', ')} - ${page.summary}`, INDENT, style), ''];
  for (const { title, blocks } of page.sections) {
    out.push(style.bold(title.toUpperCase()));
    for (const block of blocks) out.push(...blockLines(block, style), '');
  }
  return `${out.join('\n').trimEnd()}\n`;
}

function blockLines(block: Block, style: PageStyle): string[] {
  if (block.kind === 'code') {
    const shown = block.language === 'ts' ? style.bold : (line: string): string => line;
    return block.text.split('\n').map((line) => (line === '' ? '' : ' '.repeat(INDENT) + shown(line)));
  }
  if (block.kind === 'text') return paragraph(block.text, INDENT, style);
  const lines: string[] = [];
  for (const { term, text } of block.items) {
    const hanging = paragraph(text, INDENT + TERM_WIDTH, style);
    if (term.length < TERM_WIDTH) {
      const first = (hanging.shift() ?? '').trimStart();
      lines.push(' '.repeat(INDENT) + style.bold(term) + ' '.repeat(TERM_WIDTH - term.length) + first);
    } else lines.push(' '.repeat(INDENT) + style.bold(term));
    lines.push(...hanging);
  }
  return lines;
}

/** Words filled into lines; `code` is bold, *emphasis* underlined. Their marks take no room. */
function paragraph(text: string, indent: number, style: PageStyle): string[] {
  const room = Math.max(20, style.width - indent);
  const lines: string[] = [];
  let line: string[] = [];
  let length = 0;
  let inCode = false;
  for (const word of text.split(' ')) {
    const shown = word.replace(/[`*]/g, (mark) => (mark === '`' || !word.includes('`') ? '' : mark));
    if (length > 0 && length + 1 + shown.length > room) {
      lines.push(line.join(' '));
      line = [];
      length = 0;
    }
    length += (length > 0 ? 1 : 0) + shown.length;
    const marks = (word.match(/`/g) ?? []).length;
    line.push(styled(word, inCode, style));
    if (marks % 2 === 1) inCode = !inCode;
  }
  if (line.length > 0) lines.push(line.join(' '));
  return lines.map((each) => ' '.repeat(indent) + each);
}

/** One word, which may begin or end in the middle of code. */
function styled(word: string, startsInCode: boolean, style: PageStyle): string {
  if (!startsInCode && !word.includes('`')) {
    return word.replace(/\*([^*]+)\*/g, (_all, inner: string) => style.underlined(inner));
  }
  return word.split('`').map((part, i) => ((i % 2 === 1) !== startsInCode && part !== '' ? style.bold(part) : part)).join('');
}
