// Package ledger keeps the entries of the ledger as bytes, and sums them. It is shared
// by all stores, which keep the bytes.
//
// A store writes the entries of a transaction as one tail. When an hour has many tails,
// or is over, they are merged: their entries become one log, and are added to the
// hour's sums. What is older than [LogTime] loses its log, and what is older than
// [HoursTime] has its sums put together by the day. So any question but those about
// single runs reads sums and a few tails, however many calls there were.
//
// The entry of a task that was joined is not known yet. A store keeps it apart until the
// task has ended, or one of its run is removed, and [Close] has set what was saved.
package ledger

import "time"

// The times that parts of the ledger are kept, counted from the end of their hour.
const (
	LogTime   = 30 * 24 * time.Hour // single entries
	HoursTime = 90 * 24 * time.Hour // sums by the hour
)

// When the tails of an hour that is not over are merged.
const (
	EntriesMost = 8192
	TailsMost   = 4096
)

// Hour is a full hour, counted from 1970 in UTC.
type Hour int64

// Ever is later than all hours.
const Ever Hour = 1 << 40

// HourOf returns the hour that t is in.
func HourOf(t time.Time) Hour { return Hour(t.Unix() / 3600) }

// Start returns when the hour begins.
func (h Hour) Start() time.Time { return time.Unix(int64(h)*3600, 0).UTC() }

// End returns when the next hour begins.
func (h Hour) End() time.Time { return (h + 1).Start() }

// Day returns the first hour of the hour's day in UTC.
func (h Hour) Day() Hour { return h - h%24 }
