package llmsim

func (a *answer) openaiStop() string {
	switch {
	case a.refused:
		return "content_filter"
	case a.truncated:
		return "length"
	}
	return "stop"
}

func (a *answer) openaiUsage() object {
	return object{
		"prompt_tokens": a.input, "completion_tokens": a.output, "total_tokens": a.input + a.output,
		"prompt_tokens_details":     object{"cached_tokens": 0, "audio_tokens": 0},
		"completion_tokens_details": object{"reasoning_tokens": a.reasoning, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
	}
}

func (openai) whole(a *answer) []byte {
	message := object{"role": "assistant", "content": a.text, "refusal": nil, "annotations": []any{}}
	if a.refused {
		message["content"], message["refusal"] = nil, a.text
	}
	return encode(object{
		"id": "chatcmpl-" + a.id, "object": "chat.completion", "created": a.created.Unix(), "model": a.model,
		"choices":      []object{{"index": 0, "message": message, "logprobs": nil, "finish_reason": a.openaiStop()}},
		"usage":        a.openaiUsage(),
		"service_tier": "default", "system_fingerprint": "fp_llmsim",
	})
}

// chunk is one chunk of a stream.
func (a *answer) chunk(choices []object, usage any) []byte {
	data := object{
		"id": "chatcmpl-" + a.id, "object": "chat.completion.chunk", "created": a.created.Unix(), "model": a.model,
		"choices": choices, "service_tier": "default", "system_fingerprint": "fp_llmsim",
	}
	if a.usage {
		data["usage"] = usage
	}
	return append(append([]byte("data: "), encode(data)...), "\n\n"...)
}

func choice(delta object, stop any) []object {
	return []object{{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": stop}}
}

func (openai) opening(a *answer) []byte {
	return a.chunk(choice(object{"role": "assistant", "content": "", "refusal": nil}, nil), nil)
}

func (openai) delta(a *answer, text string) []byte {
	if a.refused {
		return a.chunk(choice(object{"refusal": text}, nil), nil)
	}
	return a.chunk(choice(object{"content": text}, nil), nil)
}

func (openai) closing(a *answer) []byte {
	out := a.chunk(choice(object{}, a.openaiStop()), nil)
	if a.usage {
		out = append(out, a.chunk([]object{}, a.openaiUsage())...)
	}
	return append(out, "data: [DONE]\n\n"...)
}

func (d openai) failing(*answer) []byte {
	body := d.problem(&problem{typ: "server_error", message: "The server had an error while processing your request. Sorry about that!"}, "")
	return append(append([]byte("data: "), body...), "\n\n"...)
}
