package saturation

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Request is one call that somebody asks for.
type Request struct {
	At       time.Duration // when it arrives, in the account's time; negative if it waits before the start
	Input    int           // tokens of its prompt
	Output   int           // tokens of its answer
	User     string        // "" for nobody
	Priority int           // 0 is the most urgent, 2 the least
	Limit    string        // which of several limits; "" where there is one
}

// mostTokens bounds what a trace may ask for in one call.
const mostTokens = 1_000_000

var traceHeader = []string{"TIMESTAMP", "ContextTokens", "GeneratedTokens"}

// ReadTrace reads requests from CSV in the form of the Azure LLM inference traces:
// a header, and in each line a time, the input tokens and the output tokens. Times
// count from the first request.
func ReadTrace(r io.Reader) ([]Request, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = len(traceHeader)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("read the trace's header: %w", err)
	}
	if !slices.Equal(header, traceHeader) {
		return nil, fmt.Errorf("the trace begins with %q; want %q", header, traceHeader)
	}
	var requests []Request
	var first time.Time
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the trace: %w", err)
		}
		request, at, err := readRequest(fields)
		if err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d of the trace: %w", line, err)
		}
		if first.IsZero() {
			first = at
		}
		if request.At = at.Sub(first); request.At < 0 {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d of the trace: %s lies before the first line's time", line, fields[0])
		}
		requests = append(requests, request)
	}
	if len(requests) == 0 {
		return nil, errors.New("the trace has no requests")
	}
	slices.SortStableFunc(requests, func(a, b Request) int { return int(a.At - b.At) })
	return requests, nil
}

func readRequest(fields []string) (r Request, at time.Time, err error) {
	if at, err = time.Parse("2006-01-02 15:04:05", fields[0]); err != nil {
		return r, at, err
	}
	for i, n := range []*int{&r.Input, &r.Output} {
		v, err := strconv.Atoi(fields[1+i])
		if err != nil || v < 0 || v > mostTokens {
			return r, at, fmt.Errorf("%s is %q; want 0 to %d", traceHeader[1+i], fields[1+i], mostTokens)
		}
		*n = v
	}
	return r, at, nil
}

// The synthetic mix has the percentiles of the Azure conversation trace of 2023:
// input p50 1,020 and p90 2,735, output p50 129 and p90 424, log-normal, and 328
// requests a minute.
var (
	inputSizes  = logNormal{1020, math.Log(2735.0/1020) / z90, 14_050}
	outputSizes = logNormal{129, math.Log(424.0/129) / z90, 1000}
)

const (
	z90               = 1.2816 // the normal distribution's 90th percentile
	syntheticAMinute  = 328
	leastInput        = 16 // what a prompt takes that says what is wanted; see prompt
	leastOutput       = 1
	syntheticSequence = 1 // of the random numbers for sizes and arrivals
)

// logNormal is a distribution of sizes in tokens.
type logNormal struct {
	median, sigma float64
	most          float64
}

func (l logNormal) draw(r *rand.Rand) int {
	return int(min(l.median*math.Exp(l.sigma*r.NormFloat64()), l.most))
}

// Synthetic returns requests of sizes like those of a real trace, which arrive at
// random for so long. The same seed gives the same requests.
func Synthetic(seed uint64, d time.Duration) []Request {
	r := rand.New(rand.NewPCG(seed, syntheticSequence))
	var requests []Request
	for at := time.Duration(0); ; {
		at += time.Duration(r.ExpFloat64() / syntheticAMinute * float64(time.Minute))
		if at >= d {
			return requests
		}
		requests = append(requests, Request{At: at, Input: inputSizes.draw(r), Output: outputSizes.draw(r)})
	}
}

// within returns the requests that arrive before d, none smaller than a prompt can be.
func within(requests []Request, d time.Duration) []Request {
	var first []Request
	for _, r := range requests {
		if r.At >= d {
			break
		}
		r.Input, r.Output = max(r.Input, leastInput), max(r.Output, leastOutput)
		first = append(first, r)
	}
	return first
}
