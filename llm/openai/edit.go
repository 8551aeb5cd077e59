package openai

import (
	"encoding/json"

	"github.com/pawlhq/pawl/llm"
)

// Edit implements [llm.Editor]. The system prompt is the first message; a reasoning
// model's developer message is one too.
func (API) Edit(body json.RawMessage, e llm.Edit) (json.RawMessage, error) {
	return llm.EditBody(body, e, func(_ map[string]json.RawMessage, messages []json.RawMessage, prompt json.RawMessage) ([]json.RawMessage, error) {
		role := "system"
		if len(messages) > 0 {
			if first := llm.RoleOf(messages[0]); first == "system" || first == "developer" {
				role, messages = first, messages[1:]
			}
		}
		message, err := json.Marshal(struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}{role, prompt})
		return append([]json.RawMessage{message}, messages...), err
	})
}
