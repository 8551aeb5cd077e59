package anthropic

import (
	"encoding/json"

	"github.com/pawlhq/pawl/llm"
)

// Edit implements [llm.Editor].
func (API) Edit(body json.RawMessage, e llm.Edit) (json.RawMessage, error) {
	return llm.EditBody(body, e, func(fields map[string]json.RawMessage, messages []json.RawMessage, prompt json.RawMessage) ([]json.RawMessage, error) {
		fields["system"] = prompt
		return messages, nil
	})
}
