package refund

// Inspect is what DecodeRequest looks for before it decodes.
var Inspect = inspect
