package refund

import "strings"

// Fault is one broken rule of one field.
type Fault struct {
	Field string `json:"field"` // the field's name as users write it, "receipt.items[0].price"
	Rule  string `json:"rule"`  // what must hold, in words for the person who can mend it
}

// Invalid is the error for a request that breaks rules; it lists all of them.
type Invalid []Fault

// Error names each field and rule on one line.
func (v Invalid) Error() string {
	parts := make([]string, len(v))
	for i, f := range v {
		parts[i] = f.Field + ": " + f.Rule
	}
	return strings.Join(parts, "; ")
}

// Err returns nil when nothing is wrong, so that checks can collect faults
// and end with one line.
func (v Invalid) Err() error {
	if len(v) == 0 {
		return nil
	}
	return v
}

// Add notes one more broken rule.
func (v *Invalid) Add(field, rule string) { *v = append(*v, Fault{field, rule}) }
