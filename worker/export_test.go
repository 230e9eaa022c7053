package worker

// Shares divides a provider's concurrency among its servers.
var Shares = shares
