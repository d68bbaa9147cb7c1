/** A command as one text: its words, as a shell makes them of a line. Called by src/cli for --run, and by worlds (src/sim). */
import { UsageFault } from './getopt.ts';

/** Blanks separate, quotes and backslashes hold together; nothing is expanded. Throws UsageFault for a quote without an end. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quote !== '' && c === quote) quote = '';
    else if (c === '\\' && quote !== "'" && i + 1 < text.length) word = (word ?? '') + text[++i];
    else if (quote !== '') word += c;
    else if (c === "'" || c === '"') {
      quote = c;
      word ??= '';
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (quote !== '') throw new UsageFault(`the quote ${quote} has no end in '${text}'`);
  if (word !== null) words.push(word);
  return words;
}
