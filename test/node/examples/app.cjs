/** An example program in CommonJS. */
const { twoEnds } = require('./two-ends.cjs');

twoEnds((line) => console.log(line));
