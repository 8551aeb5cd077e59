// Package llmsim simulates a provider of language models: an [http.Handler]
// that speaks Anthropic's Messages API, OpenAI's Chat Completions API and its
// API of embeddings, with the limits, headers, errors and faults of the real
// ones, and an exact bill. It is for demonstrations, tests and benchmarks, and
// needs no key and no network.
//
//	sim := llmsim.New(llmsim.Config{
//		Limits: llmsim.Limits{Requests: 50, InputTokens: 30_000, OutputTokens: 8_000},
//		Faults: llmsim.Faults{llmsim.Overloaded: 0.02, llmsim.ResetAfter: 0.01},
//		Seed:   1,
//	})
//	client := sim.Client() // without a socket; or sim.Run(ctx, listener)
//
// # Endpoints
//
// POST /v1/messages, /v1/messages/count_tokens, /v1/chat/completions, with and
// without streaming, and /v1/embeddings, which takes texts or tokens and gives
// numbers or base64. Fields that the simulator does not know are ignored,
// tools and n among them. Invalid requests get the providers' own errors.
//
// # Limits
//
// Each API has buckets of its own that hold a whole minute and refill evenly.
// Anthropic's charges the input at the start and the output as it is produced,
// going into debt; a call that is turned away costs nothing. OpenAI's charges
// the larger of max_tokens and a quarter of the characters up front, and a
// refused call counts as a request. A call that is larger than a limit is
// refused for ever: by Anthropic's with a retry-after that does not help, by
// OpenAI's with "Request too large".
//
// Embeddings are charged to the same account as OpenAI's answers: a quarter of
// their characters.
//
// OpenAI's API has limits of a day as well, and one pair of headers for the
// requests of a minute and of a day: they show the one of which less is left.
//
// Anthropic's API has a prompt cache. Each block of tools, system prompt or
// messages that is marked with cache_control keeps all of the request up to its
// end, if that has 1,024 tokens, for five of the account's minutes after its last
// use and from the time that an answer begins. What is read from it is not
// charged to the limits of tokens. A marker finds what was kept at a block up to twenty before
// it. The usage and the bill tell the kinds apart.
//
// Either API may be stricter than its headers, as the real ones are at times.
// With [Limits].Burst a bucket holds less than a minute's refill: calls are
// refused though the headers, which go on telling the minute's numbers, show
// plenty. With [Config].Acceleration so are calls that come too suddenly, and
// nothing says when to come back. And [Config].Headers leaves headers out, or
// makes them coarse. [Server.Levels] tells how full the buckets truly are.
//
// At scale s the account's minute lasts 60/s seconds, and latencies are
// divided by s. The headers tell real time, and those that count in whole seconds
// count in the account's: at scale 20 a retry-after may say 0.35, which is 7.
//
// # Faults
//
// A [Fault] befalls a call that the limits let in: because its header
// [FaultHeader] asks for it, because it is next in the queue of
// [Server.Inject], because [Config.Decide] says so of what it reads, or by the
// chances in [Config.Faults]. Chance depends on the seed, the request's body
// and how often that body was let in before, and on nothing else: a run
// repeats whatever the order of its calls, and a retry draws anew.
//
// Over a socket a handler cannot reset a connection before the client wrote
// to it, so there a client cannot tell [ResetBefore] from [ResetAfter], as in
// life. Without a socket it can; see [Server.Transport].
//
// # Answers
//
// The model reads the longest message of the user as the document. Asked for
// points, it returns the document's most important sentences as a list. Asked
// for a summary, it shortens the points made earlier in the conversation, or
// else makes its own. To anything else it answers with the sentence that
// matches best. The same call always has the same answer, cut at max_tokens.
//
// # Embeddings
//
// A text's vector is made of its words, their parts of three letters, and chance
// that is always the same. Texts that share many words are near each other,
// most of all rare words; those that share none are at about a right angle. The
// order of the words, and what they mean, make no difference. Vectors have length 1
// and 1,536 dimensions, or as many as "dimensions" says, up to that.
//
// # The bill
//
// [Server.Stats] sums up what was asked, refused, answered and billed;
// [Server.Calls] lists the latest calls. Billed but not delivered is what a
// client lost, and [Stats].PaidTwice is what a client that asked again had
// already got. A call that fails is counted before its client can know, an
// answer once it is delivered: over a socket, that may be a moment after the
// client has read it.
package llmsim
