package pawl

import "maps"

// dataNow returns the task's data with what the handler has set.
func (a *attempt) dataNow() Data {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		return maps.Clone(Data(a.row.Data))
	}
	return maps.Clone(a.data)
}

// Data returns what earlier tasks of the run handed on, with what this handler
// has set. The map is the caller's own.
func (t *Task[In]) Data() Data {
	return t.attempt.dataNow()
}

// SetData sets a value that goes along to the tasks that follow in the flow, if
// the handler succeeds. The value is kept as JSON.
func (t *Task[In]) SetData(name string, value any) error {
	encoded, err := marshal(value)
	if err != nil {
		return err
	}
	a := t.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		a.data = Data{}
		maps.Copy(a.data, a.row.Data)
	}
	a.data[name] = encoded
	return nil
}
