// Package sqlite is a store in one SQLite file, for any number of processes of one
// machine. Nothing has to be installed or run for it.
//
//	store, err := sqlite.Open(ctx, "agent.db")
//
// What the calls decide is decided by package internal/durable; here are the
// tables, the reads, and one way to write.
//
// # Tables
//
// A task is two rows. The one in task is what it was given, written once (but for a
// retry with another input, and a fallback), by its number seq, so that tasks which
// are added one after the other lie together and are read together. The one in
// status is all that changes: some 70 bytes while it waits. What is searched for
// has a column there; the rest, attempts included, is one value of tagged fields,
// because binding and reading columns is most of what a statement costs. Four
// partial indexes hold no more than they must: pending tasks by bin and seq; what
// wakes by itself, by time; what has ended, by time; dead letters by fingerprint.
// Names stand once in bin, and a status refers to them by a number. A task that may
// have twins is found by eight bytes of its identity, in an index that no claim and
// no end writes to.
//
// A conversation is a chain in node; its messages are stored once each, in
// message. When tasks are deleted, the nodes that they referred to are followed
// towards the first message for as long as nothing else refers to them: no other
// task, no step, no later node. The space is used again by what comes next; the
// file does not shrink. (SQLite could give pages back at each commit, and would have
// to keep a map of who refers to each page for it, at each write. Who wants the
// space back stops the workers and runs VACUUM.)
//
// The book of turns and limits is in page, and what is to be entered into it in
// letter. The ledger of calls is in ledger, by the hour, and with it what is kept of
// near-duplicates. Numbers that each transaction changes are in one table, counter,
// because each page that it changes is written. Events are in event only while
// somebody in interest wants them, for a minute, and 65,536 of them at most.
//
// # How a write becomes durable
//
// One connection of a process writes, in WAL mode with synchronous=FULL: a commit
// returns when its pages are in the log and the log is synced. Callers who come at
// the same time share one transaction and one sync; see group. BEGIN IMMEDIATE
// takes the file's one right to write at the start, so what a transaction reads
// stays true until it commits: nothing is ever done again because of another
// process, which only waits.
//
//  1. A crash before the commit leaves the log with a transaction that has no end,
//     which the next process to open the file passes over.
//  2. A crash after the commit and before the answer leaves a call that took place
//     and was not answered. It is safe to do it again, as [pawl.Store] says.
//  3. A checkpoint copies what is committed from the log into the file, syncs that,
//     and uses the log from its start again. A crash within it is repaired from
//     the log, which is still whole.
//  4. A full disk fails the commit, which is rolled back; what was answered is safe.
//  5. The file or its log is moved or deleted while it is open: before each commit
//     both are looked for at their paths, and the call fails if they are others.
//     A move between the look and the commit, some microseconds, is not noticed
//     until the next one.
//
// # Several processes
//
// The file is the truth: nothing is remembered but the book, of which only what
// others have written since is read, and names, which never change. A process sees
// that another one has committed by SQLite's data_version, asked 20 times a second
// while somebody watches; its own commits it knows of at once. The time is that of
// the machine, which all processes share.
//
// SQLite's locks do not work on network file systems, so [Open] refuses those. It
// also refuses SQLite before 3.53.4, which could damage a log that two processes
// checkpoint at once.
package sqlite
