package llmsim

import "time"

// What a ramp looks at, in the account's seconds: the traffic of the last ten,
// beside the minute before them. Ten calls in ten seconds are never too many.
const (
	rampLast   = 10
	rampBefore = 60
	rampFloor  = 10
)

// ramp remembers how many calls were let in, second by second, to refuse the
// next one if traffic grows too fast.
type ramp struct {
	growth float64 // how many times the average of the minute before the last ten seconds may have; 0 is any
	scale  float64
	start  time.Time

	calls [rampLast + rampBefore]int64 // a ring, by second
	at    int64                        // the second that the ring has come to
}

// steep reports whether one more call would be too many.
func (r *ramp) steep(now time.Time) bool {
	if r.growth == 0 {
		return false
	}
	r.advance(now)
	var last, before int64
	for age := range int64(rampLast + rampBefore) {
		n := r.calls[(r.at+rampLast+rampBefore-age)%(rampLast+rampBefore)]
		if age < rampLast {
			last += n
		} else {
			before += n
		}
	}
	return float64(last+1) > max(rampFloor, r.growth*float64(before)*rampLast/rampBefore)
}

// add counts a call that was let in.
func (r *ramp) add(now time.Time) {
	if r.growth == 0 {
		return
	}
	r.advance(now)
	r.calls[r.at%int64(len(r.calls))]++
}

// advance forgets the seconds that are over.
func (r *ramp) advance(now time.Time) {
	second := int64(now.Sub(r.start).Seconds() * r.scale)
	for range min(second-r.at, int64(len(r.calls))) {
		r.at++
		r.calls[r.at%int64(len(r.calls))] = 0
	}
	r.at = max(r.at, second)
}
