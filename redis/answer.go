package redis

import (
	"errors"
	"fmt"
	"strconv"
)

// errAnswer says that a script or a command answered what it cannot: the server is
// no Redis, or something between changes answers.
var errAnswer = errors.New("the server's answer is not what its command gives")

func answersOf(v any, least int) ([]any, error) {
	answers, ok := v.([]any)
	if !ok || len(answers) < least {
		return nil, errAnswer
	}
	return answers, nil
}

// number returns an answer that is a whole number; nil is 0.
func number(v any) (int64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return v, nil
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errAnswer, err)
		}
		return n, nil
	}
	return 0, errAnswer
}

// score returns an answer that is a score in microseconds, which may come in the form
// 1.7e+15; ok is false for nil.
func score(v any) (n int64, ok bool, err error) {
	s, ok := v.(string)
	if !ok {
		return 0, false, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return int64(f), true, nil
}

// texts returns an answer that is an array of strings; those that are missing are "".
func texts(v any) ([]string, error) {
	answers, ok := v.([]any)
	if !ok && v != nil {
		return nil, errAnswer
	}
	found := make([]string, len(answers))
	for i, a := range answers {
		found[i], _ = a.(string)
	}
	return found, nil
}
