package web

import "refundworker/journal"

// guide is what a person in front of a review needs: what happened, and what
// they can do.
type guide struct{ Happened, Do string }

// guides are by reason code; the same stands in the README.
var guides = map[string]guide{
	"not_proven":          {"An answer was lost, and it is not proven whether money moved.", "Look the payment up in the provider's portal. If the money went back, resolve it as succeeded; if not, resolve it as declined or ask again."},
	"partial":             {"One part of the refund moved, another did not.", "Resolve it as succeeded with the amount that went back, and settle the rest with the provider."},
	"refused":             {"The provider refused it several times, without a clear reason.", "Ask the provider. Then ask again, or resolve it as declined."},
	"gave_up":             {"It was not settled in the time that the configuration allows.", "Look the payment up in the provider's portal. If the money went back, resolve it as succeeded; if not, resolve it as declined or ask again."},
	"permission":          {"The provider's credentials work, but this refund is not permitted.", "Get the permission from the provider, then ask again."},
	"manual":              {"The provider can't process it automatically.", "Wait for the provider's people, then resolve it by their word."},
	"rejected":            {"The provider rejected this attempt, but an earlier one is not proven.", "Look the payment up in the provider's portal. If the money went back, resolve it as succeeded; if not, resolve it as declined or ask again."},
	"amount_differs":      {"The provider says that it paid another amount than was sent.", "Look the payment up in the provider's portal, then resolve it as succeeded with the amount that went back."},
	"amount_unknown":      {"All of the payment was asked for, and the provider does not say how much that is.", "Resolve it as declined, and ask for it anew with the amount and another id."},
	"currency":            {"The payment is in another currency than the refund.", "Resolve it as declined, and ask for it anew with the right currency and another id."},
	"provider_lags":       {"The provider counts less as refunded than the worker knows to have moved.", "Ask the provider, then ask again."},
	"account_changed":     {"The configuration names another account than the one that it was sent to.", "Put the account back and ask again, or resolve it by what the old account's portal says."},
	"after_restore":       {"After Redis was restored, the provider counts something else than the journal.", "Look the payment up in the provider's portal, then resolve it or ask again."},
	journal.NeedsApproval: {"It is beyond the limits of its provider. Nothing was sent.", "Approve it, if you are not the one who asked for it, or resolve it as declined."},
}

// guideOf never leaves a person without one: drivers and newer workers may know
// other reasons.
func guideOf(rec *journal.Record) guide {
	if g, ok := guides[rec.ReasonCode]; ok {
		return g
	}
	return guide{"The worker can't decide it.", "Look the payment up in the provider's portal, then resolve it or ask again."}
}

// settledReasons say in words why a refund ended as it did.
var settledReasons = map[string]string{
	"proven_by_total":        "The answer was lost; that the payment's refunded total rose by exactly this amount proves it.",
	"resolved":               "A person decided it; the history says who and why.",
	"canceled":               "A person withdrew it; the history says who and why.",
	"duplicate":              "Another refund of the same payment and amount was under way, or settled a short while before.",
	"one_refund_per_payment": "The payment had a refund already, and its provider allows one.",
	"payment_total":          "All refunds of the payment would have been more than its total.",
	"exceeds_refundable":     "More was asked for than is left of the payment.",
	"nothing_left":           "Nothing of the payment was left to refund.",
	"rejected":               "The provider took it first and rejected it later.",
}
