package redis

import (
	"encoding/json"
	"fmt"

	"github.com/pawlhq/pawl/internal/durable"
)

// letter appends the posts of letters, each of which is a JSON array.
func (o *opened) letter(letters []string) error {
	for _, l := range letters {
		var posts []durable.Post
		if err := json.Unmarshal([]byte(l), &posts); err != nil {
			return fmt.Errorf("a post: %w", err)
		}
		o.read.Posts = append(o.read.Posts, posts...)
	}
	o.letters += len(letters)
	return nil
}
