package llm

import "context"

// Embedder turns texts into vectors: texts that mean nearly the same get vectors
// that point nearly the same way. Implementations are safe for concurrent use.
type Embedder interface {
	// Embed returns a vector for each text, in the order of the texts. All are
	// finite and of one length, which is the model's; vectors of different models
	// cannot be compared.
	//
	// All texts go to the provider in one call, so how many there may be, and how
	// long, is the provider's to say. No texts give no vectors, and no call.
	//
	// Within a handler it is a model call like any other: it waits for the task's
	// limit, and its response is stored before Embed returns, so that a retry that
	// embeds the same texts gets the stored vectors and sends nothing.
	//
	// A failure is an *Error, or ctx.Err() if ctx ended before anything was sent;
	// with it come no vectors at all. A handler returns it, and its class decides
	// what becomes of the task. Texts that cannot be sent are permanent; a response
	// that does not have the vectors, each whole and finite, is ambiguous, and is
	// not stored.
	Embed(ctx context.Context, texts ...string) ([][]float32, error)
}

// Router is implemented by an [API] that has endpoints for more than answers, such
// as one for embeddings. What a fork says that calls are to say otherwise is meant
// for answers, so no [Adapter] is asked of a call that is routed.
type Router interface {
	// Route returns the API that reads what is posted to a path; nil if the path is
	// none of these endpoints.
	Route(path string) API
}
