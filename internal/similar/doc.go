// Package similar decides whether two prompts ask for the same thing, by their
// text alone.
//
// A wrong yes gives somebody the answer to another question, and a wrong no costs
// one call more. So nothing here guesses: two texts are the same only if every
// difference between them is one that is known to change nothing.
//
//  1. [Prepare] reads a text into tokens. Quotes, code, links, identifiers and
//     formulas are taken as they stand; numbers, units, dates and times are
//     brought to one form; contractions are written out, British spelling becomes
//     American, and courtesy is left out.
//  2. [Differs] looks for what speaks against it: another number, date, name,
//     quotation or piece of code, a negation, an opposite, a reversed order. It
//     knows nothing of meaning, so it holds for those too who compare meanings in
//     another way, and have found two texts alike.
//  3. [ByText] then walks through both texts side by side. Each pair of words must
//     be the same, or differ in what is listed in words.go: an article, the plural
//     in a general question, an obvious typing error. A word that only one of them
//     has ends the walk, and so does another order.
//
// A sentence that it cannot read, because it is in another language or close to
// code, must be the same but for white space, punctuation and the case of all of it.
//
// To be the same is not transitive: with "a" and "the", a third text without the
// article is the same as either. Compare with the text that the answer belongs to,
// never along a chain.
package similar
