package wake

// MostResults bounds the results that wait for the end of their tasks.
const MostResults = mostResults

// CompleteScript is what a task ends by alone.
var CompleteScript = completeScript

// The digests, for the test that asynq still calls the scripts.
const (
	CompleteSHA       = completeSHA
	CompleteUniqueSHA = completeUniqueSHA
	DequeueSHA        = dequeueSHA
	EnqueueSHA        = enqueueSHA
	ExpiredSHA        = expiredSHA
	ForwardSHA        = forwardSHA
	RetrySHA          = retrySHA
	RunTaskSHA        = runTaskSHA
	ScheduleSHA       = scheduleSHA
)

// Kept is how many results wait for the end of their tasks.
func Kept(b *Bell) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, c := range b.clients {
		c.results.mu.Lock()
		n = max(n, len(c.results.kept))
		c.results.mu.Unlock()
	}
	return n
}
