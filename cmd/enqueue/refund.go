package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/refund"
	"refundworker/tasks"
)

// failed is the status of an answer where it is not known what enqueueing came
// to.
const failed tasks.Status = "error"

// answer is what is said of one refund.
type answer struct {
	tasks.Receipt
	State      refund.State `json:"state"` // of the refund, or of the one in the way; empty: there is none
	ReasonCode string       `json:"reason_code,omitempty"`
}

// document is the answer for scripts. A duplicate always says when the window
// ends: null while the other refund is open.
func (a answer) document() any {
	if a.Status != tasks.Duplicate {
		return a
	}
	return struct {
		answer
		WindowEndsAt *time.Time `json:"window_ends_at"`
	}{a, a.WindowEndsAt}
}

// refundFlags are the flags of enqueue refund.
type refundFlags struct {
	request     refund.Request
	receipt     string
	metadata    []string
	by          string
	afterWindow bool
	wait        time.Duration
	waits       bool
	format      *cli.Format
	made        bool // the id, here
}

func refundCommand(setup *cli.Setup, p cli.Program) *cobra.Command {
	f := &refundFlags{}
	cmd := &cobra.Command{
		Use:   "refund --provider NAME --payment ID --currency CODE [--amount AMOUNT]",
		Short: "Put one refund on its queue",
		Long: `Put one refund on its queue. Without --amount all that is left of the payment
is refunded.

Without --id an id is made and printed. The same id with the same content is
the same refund, so repeating a command that names its --id pays nothing twice.`,
		Example: `  enqueue refund --provider unitpay --payment 1234512345 --amount 100.00 --currency RUB --reason "returned goods"
  enqueue refund --provider maib --payment 8ce09e40-2948-4225-a9c4-f277dbd587ea --currency MDL --reason "order 17" --wait 30s -o json`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			f.waits = cmd.Flags().Changed("wait")
			return f.run(cmd, setup)
		}),
	}
	r, flags := &f.request, cmd.Flags()
	flags.StringVar(&r.Provider, "provider", "", "configured `NAME` of the provider (required)")
	setup.CompleteProvider(cmd, "provider")
	flags.StringVar(&r.PaymentID, "payment", "", "`ID` of the payment at the provider (required)")
	flags.StringVar(&r.Amount, "amount", "", "`AMOUNT` in major units, such as 100.00; left out or empty: a full refund")
	flags.StringVar(&r.Currency, "currency", "", "ISO 4217 `CODE`, such as RUB")
	flags.StringVar(&r.Reason, "reason", "", "`TEXT` of at most 500 characters; maib requires it")
	flags.StringVar(&r.RefundID, "id", "", "`ID` of the refund; made when left out")
	flags.StringVar(&r.PaymentTotal, "total", "", "`AMOUNT` of the payment: caps what all its refunds may add up to")
	flags.StringVar(&f.receipt, "receipt", "", "JSON `FILE` with the fiscal receipt")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE` of the order system's own; may be repeated")
	flags.StringVar(&f.by, "by", cli.Person(p.Env), "`NAME` of who asks for the refund; somebody else has to approve it where it is beyond the limits")
	flags.BoolVar(&f.afterWindow, "after-window", false, "wait behind equal refunds of the payment instead of being refused as a duplicate; needs --id")
	flags.DurationVar(&f.wait, "wait", 0, "wait for the refund to settle, for at most `TIME`, such as 30s")
	f.format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

func (f *refundFlags) run(cmd *cobra.Command, setup *cli.Setup) error {
	if err := f.check(); err != nil {
		return err
	}
	stdout := cmd.OutOrStdout()
	cfg, err := setup.Config()
	if err != nil {
		return f.fail(stdout, err, false)
	}
	// A request that breaks a rule is told so whether Redis is there or not.
	var faults refund.Invalid
	if f.receipt != "" {
		f.request.Receipt, err = readReceipt(f.receipt)
		if err != nil && !errors.As(err, &faults) {
			return f.fail(stdout, err, false)
		}
	}
	_, err = tasks.NewEnqueuer(&tasks.Backend{}, cfg).Check(f.request)
	var more refund.Invalid
	if errors.As(err, &more) {
		faults = append(faults, more...)
	} else if err != nil {
		return f.fail(stdout, err, false)
	}
	if len(faults) > 0 {
		a := answer{Receipt: tasks.Receipt{RefundID: f.request.RefundID, Status: tasks.Invalid, Rule: faults[0].Field, Message: faults.Error(), Faults: faults}}
		if f.made {
			a.RefundID = "" // nothing is known by it
		}
		return f.say(stdout, a)
	}
	session, end, err := connect(cmd, cfg)
	if err != nil {
		return f.fail(stdout, err, false)
	}
	defer end()
	a, err := f.enqueue(cmd.Context(), session)
	if err != nil {
		return f.fail(stdout, err, true)
	}
	return f.say(stdout, a)
}

// check looks at the command line alone and makes the id that was left out: it
// is known before anything is sent, so that any error can name it.
func (f *refundFlags) check() error {
	r := &f.request
	switch {
	case r.Provider == "":
		return cli.UsageError("--provider is required")
	case r.PaymentID == "":
		return cli.UsageError("--payment is required")
	case f.afterWindow && r.RefundID == "":
		return cli.UsageError("--after-window needs --id: a repeat that is meant has an id of its own")
	case f.wait < 0:
		return cli.UsageError("--wait must not be negative")
	}
	for _, pair := range f.metadata {
		key, value, ok := strings.Cut(pair, "=")
		if _, twice := r.Metadata[key]; !ok || key == "" || twice {
			return cli.UsageError("--metadata %q: write KEY=VALUE, each key once", pair)
		}
		if r.Metadata == nil {
			r.Metadata = map[string]string{}
		}
		r.Metadata[key] = value
	}
	if r.RefundID == "" {
		r.RefundID, f.made = refund.NewID(), true
	}
	return nil
}

func readReceipt(path string) (*refund.Receipt, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--receipt: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, refund.MaxRequest+1))
	if err != nil {
		return nil, fmt.Errorf("--receipt: %w", err)
	}
	return refund.DecodeReceipt(b)
}

// enqueueTimeout bounds all steps of taking one refund in.
const enqueueTimeout = 10 * time.Second

func (f *refundFlags) enqueue(ctx context.Context, s *cli.Session) (answer, error) {
	options := []tasks.Option{tasks.By(f.by)}
	if f.afterWindow {
		options = append(options, tasks.AfterWindow())
	}
	bounded, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	receipt, err := tasks.NewEnqueuer(s.Backend, s.Config).Enqueue(bounded, f.request, options...)
	a := answer{Receipt: receipt, State: receipt.State}
	if err != nil {
		return a, s.Explain(ctx, err)
	}
	if f.waits && (a.Status == tasks.Queued || a.Status == tasks.Existing) {
		err = f.settle(ctx, s, &a)
	}
	return a, err
}

// say prints the answer and returns its exit status.
func (f *refundFlags) say(w io.Writer, a answer) error {
	var err error
	if *f.format == cli.JSON {
		err = cli.WriteJSON(w, a.document())
	} else {
		_, err = fmt.Fprintln(w, line(a))
	}
	if err != nil {
		return fmt.Errorf("the answer can't be written; the refund is %s (%s): %w", a.RefundID, a.Status, err)
	}
	if status := f.status(a); status != cli.OK {
		return &cli.Exit{Status: status}
	}
	return nil
}

func (f *refundFlags) status(a answer) int {
	switch {
	case a.Status == tasks.Duplicate:
		return cli.Duplicate
	case a.Status != tasks.Queued && a.Status != tasks.Existing:
		return cli.Invalid
	case !f.waits || a.State == refund.Succeeded:
		return cli.OK
	case a.State.Terminal():
		return cli.Declined
	case a.State == refund.Review:
		return cli.Review
	}
	return cli.Open
}

// fail says what went wrong. Where something was sent it is not known what
// became of the refund, and its id is the way to find out.
func (f *refundFlags) fail(w io.Writer, err error, sent bool) error {
	status := cli.StatusOf(err)
	said := answer{Receipt: tasks.Receipt{RefundID: f.request.RefundID, Status: failed}}
	switch {
	case sent:
		err = fmt.Errorf("%w; it is not known whether refund %s was taken in: enqueue it again with --id %s, which is safe",
			err, f.request.RefundID, f.request.RefundID)
	case f.made:
		said.RefundID = ""
	}
	said.Message = err.Error()
	if *f.format == cli.JSON {
		if writeErr := cli.WriteJSON(w, said); writeErr != nil {
			err = errors.Join(err, writeErr)
		}
	}
	return &cli.Exit{Status: status, Err: err}
}

// line says the answer in one line.
func line(a answer) string {
	switch a.Status {
	case tasks.Duplicate:
		text := fmt.Sprintf("duplicate: refund %s was not taken in, refund %s of the same payment and amount is %s", a.RefundID, a.ExistingID, a.State)
		if a.WindowEndsAt != nil {
			text += ", and holds the window until " + cli.Stamp(*a.WindowEndsAt)
		}
		return cli.OneLine(text)
	case tasks.Invalid:
		if a.RefundID == "" {
			return cli.OneLine("invalid: " + a.Message)
		}
		return cli.OneLine(fmt.Sprintf("invalid: refund %s was not taken in: %s", a.RefundID, reason(a.Receipt)))
	case tasks.Conflict:
		return cli.OneLine(fmt.Sprintf("conflict: refund %s: %s", a.RefundID, a.Message))
	}
	text := fmt.Sprintf("%s: refund %s is %s", a.Status, a.RefundID, a.State)
	if a.ReasonCode != "" {
		text += " (" + a.ReasonCode + ")"
	}
	return cli.OneLine(text)
}

// reason says which rule a receipt speaks of.
func reason(r tasks.Receipt) string {
	if r.Message == "" || len(r.Faults) > 0 {
		return r.Message
	}
	return r.Rule + ": " + r.Message
}
