package refund

// Inspect is what DecodeRequest looks for before it decodes.
var Inspect = inspect

// ReadPlain is how DecodeRequest reads nearly all requests, ReadStrictly the rest.
var (
	ReadPlain    = readPlain
	ReadStrictly = readStrictly
)
