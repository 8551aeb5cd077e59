package redis

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/services"
)

// What a refused commit has written of copies goes, and what an added one has stays.
func TestOutcomesOfCopiesThatWereNotAdded(t *testing.T) {
	s, err := Open(t.Context(), services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	copies := make([]*durable.Record, 2)
	first := pawl.NewID()
	for i, id := range []pawl.ID{first, pawl.FollowID(first)} { // of one bucket
		copies[i] = &durable.Record{TaskRow: pawl.TaskRow{
			ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, Input: []byte("1"), Output: []byte("2"), MaxAttempts: 4,
		}}
	}
	added := copies[0]
	if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{{Row: added.TaskRow, Kept: true}}); err != nil {
		t.Fatal(err)
	}
	refused := copies[1]
	refused.State = pawl.Succeeded
	wr := writer{}
	if err := wr.fresh.add(&s.db.keys, refused); err != nil {
		t.Fatal(err)
	}
	pipe := s.db.client.TxPipeline()
	wr.fresh.queue(t.Context(), pipe)
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.db.drop(t.Context(), copies)
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{})
	if err != nil || len(rows) != 1 || string(rows[0].Output) != "2" || string(rows[0].Input) != "1" {
		t.Errorf("List = %+v, %v; want the copy that was added, whole", rows, err)
	}
	for _, key := range []string{s.db.keys.payload(bucketOf(refused.ID)), s.db.keys.output(bucketOf(refused.ID))} {
		fields, err := s.db.client.HKeys(t.Context(), key).Result()
		for _, f := range fields {
			if f[:len(refused.ID)] == string(refused.ID[:]) {
				t.Errorf("%s still has %q of the refused one", key, f)
			}
		}
		if err != nil || len(fields) != 1 {
			t.Errorf("%s has %d fields, %v; want that of the added one", key, len(fields), err)
		}
	}
	if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{IDs: []pawl.ID{added.ID}}, pawl.Change{Do: pawl.Delete}); err != nil {
		t.Fatal(err)
	}
	if n := s.db.client.HLen(t.Context(), s.db.keys.output(bucketOf(added.ID))).Val(); n != 0 {
		t.Errorf("%d outcomes are left after the deletion; want none", n)
	}
}
