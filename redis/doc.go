// Package redis is a store on Redis 7 or later, single or Cluster, for any number
// of processes.
//
//	redis://user:password@host:6379/0        one server
//	rediss://user:password@host:6379/0       with TLS
//	redis://host1:6379,host2:6379            a Cluster, by some of its nodes
//	redis+cluster://host:6379                a Cluster, by one of them
//
// Parameters of the URL:
//
//	prefix=pawl     of the store's keys: each prefix is a store of its own
//	events=listen   how a process learns what others did: listen (by a subscription, and by
//	                looking twice a second), poll (by looking alone), own (there are no others)
//	pool=20         connections to keep for each server; 10 for each processor if not given
//	ca=ca.pem       the certificates to trust, in place of the system's
//
// # What survives
//
// A task is accepted when the server has answered. What the server still has
// after a crash is its own setting: with appendfsync always everything, with
// everysec, which is usual, all but the last second. A replica copies later than
// its master answers, so a failover can lose what was answered in the last
// moment; min-replicas-to-write bounds that moment, and nothing that Redis offers
// makes it zero. [Store.Check] says which of this is so on a server. Where an
// answer must survive any one machine, take PostgreSQL.
//
// # Transactions
//
// Every call reads, decides in Go, and commits with one script, commit.lua: it
// checks that all that the decision rests on is still as it was read, and then
// makes every change, or it changes nothing and the call is done again.
//
//  1. Read. Each row has a version, another random number after each change, which
//     the transaction remembers. Some things are not even read: that new ids are new,
//     the number of the next task, the rows of tasks that this process runs, which events
//     are watched, and what time it is by the server, between two of its answers.
//     The script checks those too.
//  2. Decide. See package durable.
//  3. Commit. Besides the script, in one MULTI, the payloads of new tasks are
//     written before it, with the outcomes of copies, and those of claimed tasks are read
//     after it: long strings are dear in Lua, where each byte is hashed.
//     A refused commit leaves payloads that no row knows; they are removed when the call
//     ends. A crash in between leaves them for good: some KiB that nobody finds.
//
// A connection that breaks during a commit leaves open whether it took place. No
// commit is sent twice, for the second would be refused because of the first: the
// call fails, and whoever does it again finds out, as the contract says.
//
// The book is opened by one transaction at a time, so that few are refused. The
// lock says for how long, by the server's clock. If its holder dies or stalls, the next
// one opens the book when that time is over, and the late one's commit is refused,
// for the lock is no longer its own. Nothing rests on the lock: the version of the
// book is checked besides. Processes that end branches of one task take turns in much
// the same way, once they have met there: see turn.go.
//
// # Keys
//
// All keys begin with the prefix in braces, {pawl}: by default, and so are in one
// slot of a Cluster: see docs/decisions/0013-redis-one-slot.md. Every script gets
// all keys that it touches. Tasks are kept by bucket, the quarter of a second in which
// their ids were made, so that a batch of many is few commands and no key grows large. All
// branches of a task are in its bucket.
//
//	main                 hash: what there is once: seq (of the last task), version and opened
//	                     (of the book), lock and locked (until), turn and turned (until),
//	                     interest and interested (until), happened (of the last event)
//	row:B                hash, by id: the row of each task of bucket B; see row.go
//	payload:B            hash, by id: input and what else never changes
//	output:B             hash, by id: the outcome of those that succeeded; by id and k that of copies
//	steps:T results:T    list and hash: the steps of task T without and with their results
//	bin:N                set in the order of Seq: the pending tasks of one bin
//	state:S:Q            set in the order of ids: the tasks of queue Q in state S, but running
//	leases wakes ended   sets by time: when leases of running tasks end, when something becomes of
//	                     waiting ones, when ended ones did
//	run:R                set by Seq: the tasks of run R but its first
//	counts               hash: how many tasks of a queue are in a state
//	twins:XX             hash, by identity: the tasks in flight, and the last success
//	node:XX text:XX      hashes, by hash: places in conversations, and messages; each with the
//	                     number of what refers to it
//	trash                list: conversations that a deleted task referred to; sweep.lua takes away
//	                     what nothing else does, a bounded number at a time, and a crash
//	                     leaves the rest to the next deletion
//	pages written gone   hash and sets by version: the book, and which of its pages were deleted lately
//	ledger:K:H           hash, by number: the pages of kind K of hour H in the ledger; or of the
//	                     group H of near-duplicates
//	hours:K              set by hour: those that have pages of kind K, but for near-duplicates
//	posts                list: the inbox of the book, a letter of JSON for each transaction
//	watchers             hash: which events each process is interested in, and until when
//	events               stream of the events of a transaction, numbered without gaps; the last 4,096
//	                     entries, gone two minutes after the last one
//	format               number: the form of all this
//	bell                 a channel: something may have happened
package redis
