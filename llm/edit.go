package llm

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Edit is what a request is to say in place of what it says.
type Edit struct {
	Prompt *string                    // the text of the last message of the user
	System *string                    // the system prompt
	Fields map[string]json.RawMessage // fields of the native request, such as "model"
}

// Editor is implemented by an [API] whose native requests can be edited.
type Editor interface {
	// Edit returns body with e. It fails if body has no place for it.
	Edit(body json.RawMessage, e Edit) (json.RawMessage, error)
}

// EditBody edits a native request that has its messages, each with a role and content,
// in the field "messages", as those of all providers here have; system sets the system
// prompt.
func EditBody(body json.RawMessage, e Edit, system func(fields map[string]json.RawMessage, messages []json.RawMessage, prompt json.RawMessage) ([]json.RawMessage, error)) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("edit the request: %w", err)
	}
	var messages []json.RawMessage
	if err := json.Unmarshal(fields["messages"], &messages); err != nil {
		return nil, fmt.Errorf(`edit the request's "messages": %w`, err)
	}
	if e.Prompt != nil {
		if err := setPrompt(messages, *e.Prompt); err != nil {
			return nil, err
		}
	}
	if e.System != nil {
		prompt, err := json.Marshal(*e.System)
		if err != nil {
			return nil, err
		}
		if messages, err = system(fields, messages, prompt); err != nil {
			return nil, err
		}
	}
	for name, value := range e.Fields {
		fields[name] = value
	}
	var err error
	if e.Prompt != nil || e.System != nil {
		if fields["messages"], err = json.Marshal(messages); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

// RoleOf returns the role of a native message; "" if it has none.
func RoleOf(message json.RawMessage) string {
	var m struct {
		Role string `json:"role"`
	}
	if json.Unmarshal(message, &m) != nil {
		return ""
	}
	return m.Role
}

// setPrompt replaces what the user said last.
func setPrompt(messages []json.RawMessage, prompt string) error {
	for i := len(messages) - 1; i >= 0; i-- {
		if RoleOf(messages[i]) == "user" {
			messages[i] = Text("user", prompt).JSON()
			return nil
		}
	}
	return errors.New("edit the request: no message of the user's to replace")
}
