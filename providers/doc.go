// Package providers is the contract between the worker and a payment company.
//
// A Driver knows one company's protocol; an Account is one configured merchant
// account at it. An Account says what happened (an Outcome) and nothing else:
// it never retries, never waits, never decides what is to be done next, and
// never claims success or refusal without the company's own word.
//
// To add a company: one folder with a Driver, one line in providers/all, one
// call of providertest.Run.
package providers
