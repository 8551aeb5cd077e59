package llmsim

func (a *answer) anthropicStop() string {
	switch {
	case a.refused:
		return "refusal"
	case a.truncated:
		return "max_tokens"
	}
	return "end_turn"
}

func (a *answer) anthropicMessage(content []object, stop any, output int64) object {
	return object{
		"id": "msg_" + a.id, "type": "message", "role": "assistant", "model": a.model,
		"content": content, "stop_reason": stop, "stop_sequence": nil,
		"usage": object{
			"input_tokens":                a.input - int64(a.cached.read+a.cached.write),
			"cache_creation_input_tokens": a.cached.write, "cache_read_input_tokens": a.cached.read,
			"output_tokens": output, "service_tier": "standard",
		},
	}
}

func (anthropic) whole(a *answer) []byte {
	content := []object{}
	if !a.refused {
		content = append(content, object{"type": "text", "text": a.text})
	}
	return encode(a.anthropicMessage(content, a.anthropicStop(), a.output))
}

// event is one server-sent event; its data names its type as well.
func event(data object) []byte {
	out := []byte("event: " + data["type"].(string) + "\ndata: ")
	return append(append(out, encode(data)...), "\n\n"...)
}

func (anthropic) opening(a *answer) []byte {
	out := event(object{"type": "message_start", "message": a.anthropicMessage([]object{}, nil, min(1, a.output))})
	if !a.refused {
		out = append(out, event(object{"type": "content_block_start", "index": 0, "content_block": object{"type": "text", "text": ""}})...)
	}
	return append(out, event(object{"type": "ping"})...)
}

func (anthropic) delta(_ *answer, text string) []byte {
	return event(object{"type": "content_block_delta", "index": 0, "delta": object{"type": "text_delta", "text": text}})
}

func (anthropic) closing(a *answer) []byte {
	var out []byte
	if !a.refused {
		out = event(object{"type": "content_block_stop", "index": 0})
	}
	out = append(out, event(object{
		"type":  "message_delta",
		"delta": object{"stop_reason": a.anthropicStop(), "stop_sequence": nil},
		"usage": object{"output_tokens": a.output},
	})...)
	return append(out, event(object{"type": "message_stop"})...)
}

func (anthropic) failing(*answer) []byte {
	return event(object{"type": "error", "error": object{"type": "overloaded_error", "message": "Overloaded"}})
}
