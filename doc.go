// Package pawl is a task queue for AI agents. It runs the model calls
// that agents make: by priority, fair between users, inside the provider's
// limits, never twice for the same thing, each task carrying its whole
// context, so that a retry goes on where the last attempt stopped. What fails
// for good stays as a dead letter, whole and ready to run again.
//
// An [Operation] is a named kind of work with a typed input and output.
// [Operation.Add] stores a task; a [Client] whose Run is called works on it
// with the operation's handler. Inside a handler [Task.Ask] calls a model and
// [Step] does any other work once. [Then] puts operations together as a flow.
//
// # The promise
//
//  1. An accepted task is never lost: Add returns once the store has committed it.
//  2. Handlers run at least once; outcomes are recorded exactly once. Whatever
//     a worker writes carries its [Lease], and a worker that lost it changes nothing.
//  3. A model call whose response was stored is never made again. A crash
//     between sending and storing is the one window in which a call can be paid
//     twice; it is recorded in the attempt and counted ([Attempt.Unknown]).
//  4. Within a queue and a limit higher priority always starts first; within a
//     priority users take turns by the tokens that they use; within a user it is
//     first in, first out. A retry keeps its place.
//  5. The limits hold for all workers together, on every store.
//
// Stores are packages of their own, such as inmem; the contract between them
// and this package is [Store].
package pawl
