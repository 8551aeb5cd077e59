// Package sdktest proves llm.Transport with the providers' own SDKs. It is a
// module of its own, so that nobody who imports Pawl gets them too.
package sdktest
