// Package durable is what the durable stores share: the decisions of the
// contract [pawl.Store], over the transactions of a database.
//
// Every call of the contract is done in three steps:
//
//  1. Read: a [Tx] tells what the call must know, in one or two round trips.
//  2. Decide: functions of what was read and of the time, without I/O. The
//     changes of rows are those of package pawl, the arithmetic of limits is
//     that of package limit, and whose turn it is the [Book] knows.
//  3. Write: the decisions are a [Writes], which the database makes true in one
//     transaction, or not at all.
//
// A store is therefore a schema, a dozen reads and one way to write. What
// differs is how two calls at the same time are kept apart:
//
//   - Rows. A task that is read by Held, Woken, Pick or Run is locked, or the
//     commit fails with [ErrConflict] if another one changed it since; then the
//     call is done again.
//   - The book: the turns of users and the levels of limits, which all workers
//     share. Whoever claims or reserves holds it alone. Others, who add or finish
//     tasks, do not wait for it: they leave a [Post] in its inbox, in their own
//     transaction, and whoever opens the book next enters the posts first, in the
//     order in which they came. So a caller's own long transaction, or many
//     workers that finish tasks, hold up nobody.
//   - Identities. Identical tasks are added one after the other.
//
// A crash before the commit leaves nothing; after it, everything. Nothing is
// kept in memory but the book, which is read again from where another process
// changed it.
package durable
