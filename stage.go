package pawl

// Stage is one step of a flow, as it is stored with the tasks before it and as a
// picture of it can be drawn. It is an operation, and one of these at most:
//
//   - Each: the operation is the queue's own; it has a branch for each element of its
//     input, an array, and its output is the array of their outputs.
//   - Try: the operation is the queue's own; it has one branch with its own input, and
//     its output is a [Result] whatever becomes of that.
//   - All: the operation is the queue's own; it has a branch for each of these, all
//     with its own input, and its output is an object of their outputs by name.
//   - Choose: the output of the operation, a string, names the one of these that goes
//     on with the operation's input.
type Stage struct {
	Operation   string   `json:"operation"`
	Version     string   `json:"version,omitempty"`
	Queue       string   `json:"queue"`
	Limit       string   `json:"limit"`
	Priority    Priority `json:"priority"`
	MaxAttempts int      `json:"max_attempts"`
	Tokens      int      `json:"tokens,omitempty"` // expected output tokens of a call

	Fallbacks []Fallback `json:"fallbacks,omitempty"`

	Each   *EachStage `json:"each,omitempty"`
	Try    []Stage    `json:"try,omitempty"`
	All    []Branch   `json:"all,omitempty"`
	Choose []Branch   `json:"choose,omitempty"`

	// Here says of the first of a task's Next that it is the task's own stage, which
	// its handler and what follows it must know, and not one that follows.
	Here bool `json:"here,omitempty"`
}

// EachStage is what is done for each element.
type EachStage struct {
	Stages     []Stage `json:"stages"`
	AtOnce     int     `json:"at_once,omitempty"`     // how many elements are worked on at a time; 0 for all
	BestEffort bool    `json:"best_effort,omitempty"` // failures stand beside the outputs, and fail nothing
}

// Branch is one of several ways of a flow.
type Branch struct {
	Name   string  `json:"name"`
	Stages []Stage `json:"stages"`
}

// isFan reports whether the stage's own task has branches and puts their outputs
// together.
func (s *Stage) isFan() bool { return s.Each != nil || s.Try != nil || len(s.All) > 0 }
