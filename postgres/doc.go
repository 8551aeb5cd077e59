// Package postgres is a store in PostgreSQL, 13 or later: for any number of
// processes that share one queue.
//
//	store, err := postgres.Open(ctx, "postgres://user:password@host/database")
//
// Tasks may be added inside a transaction of the caller's own: see [Store.Tx].
//
// # What is stored where
//
// All is in one schema, pawl unless the URL names another; migrations/ has it.
//
//   - task: what a task was given, its input above all. A row is written once and
//     read twice; only a retry with another input, or a fallback, changes it.
//   - live: a narrow row for each task that waits or runs, with what may change.
//     Its partial indexes are the queue: the pending tasks of each bin by seq, what
//     is due by time, leases by their end, identities in flight.
//   - ended: what became of a task, its output and its attempts. Its partial
//     indexes hold the dead letters, and the results by identity.
//   - step, node, message: stored steps; conversations, each message once.
//   - page, inbox: the book that all workers share, and the letters to whoever opens
//     it next. Rows are written and removed, and never updated.
//   - ledger: the ledger of calls, by the hour, and what is kept of near-duplicates.
//   - event, watcher, dropped: what happened, who wants to know it, and up to where
//     events were removed. Without a watcher no event is written.
//   - migration: what was applied.
//
// # What keeps two transactions apart
//
// Every transaction is READ COMMITTED and takes two or three round trips: one that
// begins it and reads, one that writes and commits. A statement of writes that
// does not find what it changes fails, and the commit behind it is not run.
//
//  1. The book is an advisory lock of the transaction. What is read after it was got
//     was committed before.
//  2. A row of a task is read with its version (xmin) and changed only if that is
//     still its version. A transaction that failed by that is tried again, with the
//     rows locked in the order of their ids, after a pause with jitter. So are
//     deadlocks, and waits for a lock of more than ten seconds. The row of a parent,
//     which everybody changes who ends one of its branches, is locked as it is read.
//  3. Identities are advisory locks: a few of them one by one, many by 64 buckets, so
//     that the server's table of locks does not fill up.
//  4. A message is kept from being removed by those who refer to it: they lock its row
//     for key share, and whoever removes it locks it for update and looks again.
//
// A crash of the process before the commit leaves nothing behind: the server ends
// the transaction with the connection, at the latest half a minute after a machine
// has vanished. A crash after the commit, before its answer has come, leaves
// everything; repeating the call changes nothing.
//
// # What a transaction held elsewhere costs
//
// While any transaction on the server is open for long, the server keeps every
// removed row. So nothing reads an index from its start, where those are: pending
// tasks are read from the bin's first seq on, the book's pages by version, letters
// and wakes from a mark on. What may come in behind a mark is looked for once a
// second, or less often where that has become slow. Who holds such a transaction is
// said in the log, and by [Store.Check].
//
// # Events
//
// Events are numbered, and a later number may be committed first: a number that is
// missing is asked for until no transaction of its time is left. One connection
// listens for notifications as a hint; once a second all is looked at in any case.
// Behind a pooler in transaction mode (PgBouncer), which is noticed, nothing
// listens, and no statement is prepared by name.
package postgres
