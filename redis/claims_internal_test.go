package redis

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/services"
)

// A signal that comes between the reading and the commit of a claim has the task stand
// in its bin as another member, because it has steps now. The claim must not leave that
// behind: every later one would find it, and could not claim it.
func TestClaimOfATaskThatHasGotASignal(t *testing.T) {
	s, err := Open(t.Context(), services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	row := pawl.TaskRow{Operation: "work", Queue: "default", Limit: pawl.NoLimit, Input: []byte("1"), MaxAttempts: 4}
	row.ID = pawl.NewID()
	row.Run = row.ID
	if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{{Row: row}}); err != nil {
		t.Fatal(err)
	}
	bin := durable.BinOf(&row)
	var claim *durable.Claim
	tries := 0
	err = s.db.Update(t.Context(), false, func(tx durable.Tx) (*durable.Writes, error) {
		now, err := tx.Now()
		if err != nil {
			return nil, err
		}
		heads, err := tx.Heads([]durable.HeadAsk{{Bin: bin, Most: 1}})
		if err != nil {
			return nil, err
		}
		if tries++; tries == 1 {
			c := pawl.Change{Do: pawl.Signalled, Signal: pawl.Signal{Name: "go", ID: "1", Payload: []byte(`"now"`)}}
			if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{IDs: []pawl.ID{row.ID}}, c); err != nil {
				return nil, err
			}
		}
		claim = &durable.Claim{
			Candidate: heads[0][0], Bin: bin, Worker: "w", Lease: now.Add(time.Minute),
			In: durable.Bin{Queue: row.Queue, Limit: row.Limit, Operation: row.Operation},
		}
		return &durable.Writes{Now: now, Claim: []*durable.Claim{claim}}, nil
	})
	if err != nil || tries != 2 {
		t.Fatalf("Update = %v after %d tries; want that the second claims the task", err, tries)
	}
	if steps := claim.Row.Steps; len(steps) != 1 || string(steps[0].Result) != `"now"` {
		t.Errorf("the claimed task has steps %+v; want the signal", steps)
	}
	if n := s.db.client.ZCard(t.Context(), s.db.keys.bin(bin)).Val(); n != 0 {
		t.Errorf("%d tasks stand in the bin; want none", n)
	}
}
