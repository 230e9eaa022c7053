package wake

// MostResults bounds the results that wait for the end of their tasks.
const MostResults = mostResults

// The digests, for the test that asynq still calls the scripts.
const (
	CompleteSHA = completeSHA
	DequeueSHA  = dequeueSHA
	EnqueueSHA  = enqueueSHA
	ForwardSHA  = forwardSHA
	RetrySHA    = retrySHA
	RunTaskSHA  = runTaskSHA
	ScheduleSHA = scheduleSHA
)
