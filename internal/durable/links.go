package durable

import (
	"encoding/json"
	"fmt"

	"github.com/pawlhq/pawl"
)

// PackLinks returns a task's links as they are stored with it; nil for none, as most
// tasks have.
func PackLinks(r *pawl.TaskRow) ([]byte, error) {
	if r.Links == nil {
		return nil, nil
	}
	b, err := json.Marshal(r.Links)
	if err != nil {
		return nil, fmt.Errorf("store the links of %s: %w", r.ID, err)
	}
	return b, nil
}

// UnpackLinks sets what PackLinks packed.
func UnpackLinks(b []byte, r *pawl.TaskRow) error {
	if len(b) == 0 {
		return nil
	}
	r.Links = &pawl.Links{}
	if err := json.Unmarshal(b, r.Links); err != nil {
		return fmt.Errorf("links of %s: %w", r.ID, err)
	}
	return nil
}
