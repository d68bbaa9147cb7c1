/** An example program as an ES module. */
import { twoEnds } from './two-ends.mjs';

await twoEnds((line) => console.log(line));
