// Package similar decides whether two prompts ask for the same thing.
package similar
