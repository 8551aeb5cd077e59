// Package limit decides when a call to a provider may be sent. It is pure
// arithmetic over the time and a [State]: no clock, no I/O, no goroutines, no
// locks. A store keeps the State, and changes it in one transaction with the
// task that the call belongs to, so that all workers share one limit.
//
// # The invariant
//
// In any span of time T, the calls whose turn falls into it cost no more than
//
//	capacity + limit · T / Per
//
// in each limited bucket, and one large call besides, which never makes it more than
// the limit and its refill; and no more calls are in flight than InFlight. It is
// kept in these steps:
//
//  1. Reserve. [State.Gate] and [State.Take] (a new task's call) and [State.Reserve]
//     (a later call of a running task) take the whole estimate from all buckets
//     before the call is sent. Nothing is checked without being charged, so calls
//     at the same time cannot overshoot.
//  2. Wait. An admitted call goes at once. A reserved one goes at its turn:
//     when its bucket, which it drove into debt, is back at 0. New tasks wait
//     behind it, so started work finishes first. What is reserved behind a
//     pause or a hold is charged as of its end, where the calls will be.
//  3. [State.Adjust], when a task's claim has become its real call, refunds or
//     charges the difference.
//  4. End, exactly once: [State.Settle] with the real usage, [State.Release]
//     without a response, [State.Refuse] on a throttle, [State.Miss] when the
//     provider was not reached. A refund goes to the level as it is then, whenever
//     the charge was made; a bucket has no windows to miss. Debt is never forgiven
//     and a level never exceeds its capacity.
//
// # Who goes first
//
// Order is the caller's. A State knows two exceptions: large calls are saved for, and
// lent, while small ones go on ([Earmark]), and room is left for a higher priority
// that is in use ([Used]).
//
// # What it learns
//
// Limits from headers ([State.Observe]), or, where there are none, a pace from
// throttles ([Served]); a few calls try a limit of which nothing is known ([Cold]).
// What calls cost is learned by a [Fit], which its caller keeps for each operation.
//
// Each State has one place in time per bucket, [Bucket.At], that only moves
// forward. A clock that steps back refills nothing until it has caught up.
//
// # What a crash leaves
//
// Between 1 and 4 the reservation lives only with its task, which the store
// keeps. A crash before 1 is stored charges nothing, and no call was sent.
//
// A crash after 1 and before 4 leaves the charge taken and the call counted in
// flight until the task's lease ends; then whoever takes the task over
// releases it. If it may have been sent the charge stays, and the refill pays
// for it: within the burst's time, not a day. A probe lost in this way counts
// as lost after [ProbeTime].
//
// A crash after the response and before 4 is stored is the same: the charge
// stays at the estimate. The provider's headers correct it.
//
// # What it does not see
//
// A call counts from its charge, which is paid back at the limit's rate. If it
// is sent later than that takes, its bucket has been refilled without it. That
// happens if its handler first did something else, if it was claimed just
// before a pause, if another bucket made it wait longer, or if a call ahead of
// it was refunded: a turn, once given, does not move. The calls waiting bound
// what is overlooked, so InFlight does, and the provider's own capacity, six
// times ours by default, takes it.
//
// [State.Observe] reads what the provider says, which is the truth; it only
// ever lowers a level, so that a rounded, late or wrong header cannot make the
// limit overshoot.
package limit
