package wake

// The digests, for the test that asynq still calls the scripts.
const (
	DequeueSHA  = dequeueSHA
	EnqueueSHA  = enqueueSHA
	ForwardSHA  = forwardSHA
	RetrySHA    = retrySHA
	RunTaskSHA  = runTaskSHA
	ScheduleSHA = scheduleSHA
)
