// Package price says what model calls cost, from what they used.
//
// A [Table] holds the [Rates] of models by their names, in one currency, and the
// day that they were looked up on. It is a JSON file that [Parse] reads:
//
//	{
//	  "date": "2026-01-15",
//	  "currency": "USD",
//	  "models": {
//	    "my-model": {"input": 3, "output": 15, "cache_read": 0.30, "cache_write": 3.75},
//	    "my-embeddings": {"input": 0.02, "output": 0}
//	  }
//	}
//
// The rates are those of a million tokens. What is left out of cache_read and
// cache_write costs what input does. [Builtin] is such a table of some well known
// models.
//
// [Money] is a whole number of billionths: costs are computed exactly, rounded
// once for each call, and add up to the same sum in whatever order. Nothing here
// is a float.
//
// What a table cannot say: a price that depends on how long the prompt is, on how
// long a cache keeps it or on how soon the answer must come, discounts, and
// what tools or pictures cost beside their tokens.
package price
