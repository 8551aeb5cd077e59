package postgres

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// readStep reads a row of the statement steps, after its task.
func readStep(r *row) (pawl.StepRow, error) {
	s := pawl.StepRow{Key: r.text(), Name: r.text(), Call: r.bool()}
	s.Usage = usageOf(r.int8s())
	s.Head, s.At, s.Took, s.Attempt = r.hash(), timeOf(r.int8()), time.Duration(r.int8()), r.int4()
	s.Model, s.Cost, s.Currency = r.text(), price.Money(r.int8()), r.text()
	result, err := durable.Unpack(r.bytes())
	s.Result = result
	return s, err
}

// addSteps is the statement that stores steps.
func (tx *transaction) addSteps(steps []durable.Step) call {
	n := len(steps)
	tasks, keys, names := newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.TextOID, n, 64), newColumn(pgtype.TextOID, n, 16)
	calls, usages, heads := newColumn(pgtype.BoolOID, n, 1), newColumn(pgtype.TextOID, n, 32), newColumn(pgtype.ByteaOID, n, 32)
	ats, tooks, attempts := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int4OID, n, 4)
	models, costs, currencies := newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 3)
	results := newColumn(pgtype.ByteaOID, n, 1024)
	for i := range steps {
		s := &steps[i]
		tasks.uuid(s.Task)
		keys.text(s.Key)
		names.text(s.Name)
		calls.bool(s.Call)
		usages.text(usageText(s.Usage))
		heads.hash(s.Head)
		ats.int8(micro(s.At))
		tooks.int8(int64(s.Took))
		attempts.int4(s.Attempt)
		models.name(s.Model)
		costs.int8(int64(s.Cost))
		currencies.name(s.Currency)
		results.packedText(s.Result)
	}
	return tx.call("addSteps", tasks.arg(), keys.arg(), names.arg(), calls.arg(), usages.arg(), heads.arg(),
		ats.arg(), tooks.arg(), attempts.arg(), models.arg(), costs.arg(), currencies.arg(), results.arg())
}

// usageText is an array of PostgreSQL; an array of arrays is not to be had. What
// was reasoning is its fifth number, if there was any.
func usageText(u llm.Usage) string {
	switch {
	case u == llm.Usage{}:
		return ""
	case u.Reasoning == 0:
		return fmt.Sprintf("{%d,%d,%d,%d}", u.Input, u.Output, u.CacheRead, u.CacheWrite)
	}
	return fmt.Sprintf("{%d,%d,%d,%d,%d}", u.Input, u.Output, u.CacheRead, u.CacheWrite, u.Reasoning)
}

// usageOf is what usageText wrote, zero of what is none.
func usageOf(n []int64) (u llm.Usage) {
	if len(n) >= 4 {
		u = llm.Usage{Input: n[0], Output: n[1], CacheRead: n[2], CacheWrite: n[3]}
	}
	if len(n) >= 5 {
		u.Reasoning = n[4]
	}
	return u
}
