package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// The tags of a task's body: what next to never changes.
const (
	bodyInput       = 1
	bodyAdded       = 2
	bodyMaxAttempts = 3 // the last one counts
	bodyDataName    = 4 // each followed by its value
	bodyDataValue   = 5
	bodyNext        = 6 // JSON
)

func packBody(r *durable.Record) ([]byte, error) {
	input := durable.Pack(r.Input)
	f := make(fields, 0, len(input)+32)
	f.bytes(bodyInput, input)
	f.time(bodyAdded, r.Added)
	f.number(bodyMaxAttempts, int64(r.MaxAttempts))
	for name, value := range r.Data {
		f.bytes(bodyDataName, []byte(name))
		f.bytes(bodyDataValue, append([]byte{}, durable.Pack(value)...))
	}
	if len(r.Next) > 0 {
		next, err := json.Marshal(r.Next)
		if err != nil {
			return nil, fmt.Errorf("store what follows %s: %w", r.ID, err)
		}
		f.bytes(bodyNext, next)
	}
	return f, nil
}

func unpackBody(f fields, r *pawl.TaskRow) error {
	var name string
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return err
		}
		switch v.tag {
		case bodyInput:
			r.Input, err = durable.Unpack(v.data)
		case bodyAdded:
			r.Added = v.time()
		case bodyMaxAttempts:
			r.MaxAttempts = int(v.n)
		case bodyDataName:
			name = string(v.data)
		case bodyDataValue:
			if r.Data == nil {
				r.Data = map[string]json.RawMessage{}
			}
			r.Data[name], err = durable.Unpack(v.data)
		case bodyNext:
			err = json.Unmarshal(v.data, &r.Next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// The tags of a status's rest: what changes and is not searched.
const (
	restAttempt    = 1
	restUsed       = 2
	restDeaths     = 3
	restNotSent    = 4
	restChars      = 5
	restMaxTokens  = 6
	restOutput     = 7
	restWorker     = 8
	restStarted    = 9
	restDue        = 10
	restDeadline   = 11
	restCancelling = 12
	restCost       = 13
	restShare      = 14
	restCalls      = 15 // durable.PackCalls
	restTry        = 16 // an attempt; once for each
	restLinks      = 17 // durable.PackLinks
)

func packRest(r *durable.Record) ([]byte, error) {
	f := make(fields, 0, 96+96*len(r.Attempts))
	f.number(restAttempt, int64(r.Attempt))
	f.number(restUsed, int64(r.Used))
	f.number(restDeaths, int64(r.Deaths))
	f.number(restNotSent, int64(r.NotSent))
	f.number(restChars, int64(r.Size.Chars))
	f.number(restMaxTokens, int64(r.Size.MaxTokens))
	f.number(restOutput, int64(r.Size.Output))
	f.text(restWorker, r.Worker)
	f.time(restStarted, r.Started)
	f.time(restDue, r.Due)
	f.time(restDeadline, r.Deadline)
	f.flag(restCancelling, r.Cancelling)
	f.float(restCost, r.Cost)
	f.float(restShare, r.Share)
	if len(r.Calls) > 0 {
		f.bytes(restCalls, durable.PackCalls(r.Calls))
	}
	for i := range r.Attempts {
		f.bytes(restTry, packTry(&r.Attempts[i]))
	}
	links, err := durable.PackLinks(&r.TaskRow)
	f.bytes(restLinks, links)
	return f, err
}

func unpackRest(f fields, r *durable.Record) error {
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return err
		}
		switch v.tag {
		case restAttempt:
			r.Attempt = int(v.n)
		case restUsed:
			r.Used = int(v.n)
		case restDeaths:
			r.Deaths = int(v.n)
		case restNotSent:
			r.NotSent = int(v.n)
		case restChars:
			r.Size.Chars = int(v.n)
		case restMaxTokens:
			r.Size.MaxTokens = int(v.n)
		case restOutput:
			r.Size.Output = int(v.n)
		case restWorker:
			r.Worker = string(v.data)
		case restStarted:
			r.Started = v.time()
		case restDue:
			r.Due = v.time()
		case restDeadline:
			r.Deadline = v.time()
		case restCancelling:
			r.Cancelling = v.flag()
		case restCost:
			r.Cost = v.float()
		case restShare:
			r.Share = v.float()
		case restCalls:
			r.Calls, err = durable.UnpackCalls(v.data)
		case restTry:
			var a pawl.Attempt
			a, err = unpackTry(v.data)
			r.Attempts = append(r.Attempts, a)
		case restLinks:
			err = durable.UnpackLinks(v.data, &r.TaskRow)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// The tags of an attempt.
const (
	tryNumber   = 1
	tryWorker   = 2
	tryStarted  = 3
	tryEnded    = 4
	tryUsage    = 5
	tryCalls    = 6
	trySaved    = 7
	tryUnknown  = 8
	tryClass    = 9
	tryMessage  = 10
	tryWaited   = 11
	trySpared   = 12
	tryUsed     = 13
	tryAs       = 14
	tryUnasked  = 15
	tryCost     = 16
	tryOpen     = 17 // a step; once for each
	tryCurrency = 18
	tryFailed   = 19
	tryModel    = 20
	tryModels   = 21 // of one model; once for each
)

func packTry(a *pawl.Attempt) []byte {
	f := make(fields, 0, 96)
	f.number(tryNumber, int64(a.Number))
	f.text(tryWorker, a.Worker)
	f.time(tryStarted, a.Started)
	f.time(tryEnded, a.Ended)
	f.bytes(tryUsage, packUsage(a.Usage))
	f.number(tryCalls, int64(a.Calls))
	f.number(trySaved, int64(a.Saved))
	f.number(tryFailed, int64(a.Failed))
	f.number(tryUnknown, int64(a.Unknown))
	f.text(tryClass, string(a.Class))
	f.text(tryMessage, a.Message)
	f.number(tryWaited, int64(a.Waited))
	f.bytes(trySpared, packUsage(a.Spared))
	f.flag(tryUsed, a.Used)
	f.text(tryAs, a.As)
	f.number(tryUnasked, int64(a.Unasked))
	f.number(tryCost, int64(a.Cost))
	f.text(tryCurrency, a.Currency)
	for _, step := range a.Open {
		f.bytes(tryOpen, []byte(step))
	}
	f.text(tryModel, a.Model)
	for i := range a.Models {
		f.bytes(tryModels, packModel(&a.Models[i]))
	}
	return f
}

func unpackTry(f fields) (a pawl.Attempt, err error) {
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return a, err
		}
		switch v.tag {
		case tryNumber:
			a.Number = int(v.n)
		case tryWorker:
			a.Worker = string(v.data)
		case tryStarted:
			a.Started = v.time()
		case tryEnded:
			a.Ended = v.time()
		case tryUsage:
			a.Usage, err = unpackUsage(v.data)
		case tryCalls:
			a.Calls = int(v.n)
		case trySaved:
			a.Saved = int(v.n)
		case tryFailed:
			a.Failed = int(v.n)
		case tryUnknown:
			a.Unknown = int(v.n)
		case tryClass:
			a.Class = llm.Class(v.data)
		case tryMessage:
			a.Message = string(v.data)
		case tryWaited:
			a.Waited = time.Duration(v.n)
		case trySpared:
			a.Spared, err = unpackUsage(v.data)
		case tryUsed:
			a.Used = v.flag()
		case tryAs:
			a.As = string(v.data)
		case tryUnasked:
			a.Unasked = int(v.n)
		case tryCost:
			a.Cost = price.Money(v.n)
		case tryCurrency:
			a.Currency = string(v.data)
		case tryOpen:
			a.Open = append(a.Open, string(v.data))
		case tryModel:
			a.Model = string(v.data)
		case tryModels:
			var s pawl.ModelSum
			s, err = unpackModel(v.data)
			a.Models = append(a.Models, s)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// The tags of what a model's calls amount to.
const (
	modelName     = 1
	modelCalls    = 2
	modelUsage    = 3
	modelCost     = 4
	modelCurrency = 5
)

func packModel(s *pawl.ModelSum) []byte {
	var f fields
	f.text(modelName, s.Model)
	f.number(modelCalls, s.Calls)
	f.bytes(modelUsage, packUsage(s.Usage))
	f.number(modelCost, int64(s.Cost))
	f.text(modelCurrency, s.Currency)
	return f
}

func unpackModel(f fields) (s pawl.ModelSum, err error) {
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return s, err
		}
		switch v.tag {
		case modelName:
			s.Model = string(v.data)
		case modelCalls:
			s.Calls = v.n
		case modelUsage:
			s.Usage, err = unpackUsage(v.data)
		case modelCost:
			s.Cost = price.Money(v.n)
		case modelCurrency:
			s.Currency = string(v.data)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// packUsage returns nil for no usage.
func packUsage(u llm.Usage) []byte {
	var f fields
	f.number(1, u.Input)
	f.number(2, u.Output)
	f.number(3, u.CacheRead)
	f.number(4, u.CacheWrite)
	f.number(5, u.Reasoning)
	return f
}

func unpackUsage(f fields) (u llm.Usage, err error) {
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return u, err
		}
		switch v.tag {
		case 1:
			u.Input = v.n
		case 2:
			u.Output = v.n
		case 3:
			u.CacheRead = v.n
		case 4:
			u.CacheWrite = v.n
		case 5:
			u.Reasoning = v.n
		}
	}
	return u, nil
}

// The tags of a step's body.
const (
	stepName     = 1
	stepCall     = 2
	stepUsage    = 3
	stepAt       = 4
	stepTook     = 5
	stepAttempt  = 6
	stepModel    = 7
	stepCost     = 8
	stepCurrency = 9
)

func packStep(s *pawl.StepRow) []byte {
	var f fields
	f.text(stepName, s.Name)
	f.flag(stepCall, s.Call)
	f.bytes(stepUsage, packUsage(s.Usage))
	f.time(stepAt, s.At)
	f.number(stepTook, int64(s.Took))
	f.number(stepAttempt, int64(s.Attempt))
	f.text(stepModel, s.Model)
	f.number(stepCost, int64(s.Cost))
	f.text(stepCurrency, s.Currency)
	return f
}

func unpackStep(f fields, s *pawl.StepRow) error {
	for len(f) > 0 {
		v, err := f.next()
		if err != nil {
			return err
		}
		switch v.tag {
		case stepName:
			s.Name = string(v.data)
		case stepCall:
			s.Call = v.flag()
		case stepUsage:
			s.Usage, err = unpackUsage(v.data)
		case stepAt:
			s.At = v.time()
		case stepTook:
			s.Took = time.Duration(v.n)
		case stepAttempt:
			s.Attempt = int(v.n)
		case stepModel:
			s.Model = string(v.data)
		case stepCost:
			s.Cost = price.Money(v.n)
		case stepCurrency:
			s.Currency = string(v.data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var states = pawl.States() // a state is stored as its place here, counted from 1

func stateNumber(s pawl.State) int64 {
	for i, known := range states {
		if s == known {
			return int64(i + 1)
		}
	}
	return 0 // of a task that is new
}

func stateOf(n int64) (pawl.State, error) {
	if n < 1 || int(n) > len(states) {
		return "", fmt.Errorf("state %d is unknown", n)
	}
	return states[n-1], nil
}
