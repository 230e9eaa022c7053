package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/statement"
)

const (
	// defaultSlack covers a weekend between the provider's time and its bank's.
	defaultSlack = 72 * time.Hour
	maxSlack     = 30 * 24 * time.Hour
	// lookups is how many payments are looked up at once.
	lookups = 8
)

// reconciling is what a command line asks for.
type reconciling struct {
	provider     string
	since, until *cli.Moment
	slack        time.Duration
	all          bool
	form         statement.Form // what the flags say over the configuration
	format       *cli.Format
}

func (c *control) reconcile() *cobra.Command {
	r := &reconciling{since: cli.NewMoment(c.now), until: cli.NewMoment(c.now), form: statement.Form{Only: map[string][]string{}}}
	cmd := &cobra.Command{
		Use:   "reconcile STATEMENT.csv --provider NAME",
		Short: "Compare a provider's statement with the journal",
		Long: `Compare a provider's statement of refunds with the journal. - reads standard
input. Nothing is changed, and nobody is asked.

  other_state    money moved there, and the refund is not succeeded here: look at
                 these first
  missing_here   in the statement, and no refund here explains it
  other_amount   the same refund, another amount
  missing_there  succeeded here in the period, and not in the statement
  matched        shown with --all only

A row and a refund are one by the refund's id (the provider's or ours), else by
payment and amount with the nearest time. Several equal refunds of one payment
are counted, each once.

The statement is CSV with a header row, comma or semicolon. Which column holds
what is said by --map or by statement: in the provider's configuration; a column
whose name leaves no doubt (payment_id, amount, currency, date …) is taken by
itself, and the answer says so. Amounts may be written 100.00, 100,00, 1 000.00
or 1,000.00; 1,000 can be read in two ways and is an error without --decimal.
Negative amounts are refunds too, but not beside positive ones without
--only-negative.

The period is --since and --until, else the days that the statement covers, else
all of the journal. A refund may stand in the statement --slack earlier or later
than here.

JSON is one object a line, the last one the summary. Exit status: 0 all matched,
9 differences found, 4 the statement can't be read.`,
		Example: `  refundctl reconcile january.csv --provider unitpay --since 2025-01-01 --until 2025-02-01
  refundctl reconcile export.csv --provider maib --map 'id=Refund ID,payment=Pay ID,amount=Sum,time=Executed' --currency MDL
  refundctl reconcile bank.csv --provider sberbank --only 'Operation=refund|возврат' --amount-unit minor -o csv`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.RunE = cli.Action(func(cmd *cobra.Command, args []string) error { return c.runReconcile(cmd, r, args[0]) })
	r.flags(cmd.Flags())
	c.setup.CompleteProvider(cmd, "provider")
	r.format = cli.FormatFlag(cmd, cli.Text, cli.JSON, cli.CSV)
	return cmd
}

func (r *reconciling) flags(flags *pflag.FlagSet) {
	flags.StringVar(&r.provider, "provider", "", "configured `NAME` of the provider whose statement it is (required)")
	flags.Var(r.since, "since", "compare from this time on: 24h, 2006-01-02 (in UTC), or 2006-01-02T15:04:05Z")
	flags.Var(r.until, "until", "compare before this time")
	flags.DurationVar(&r.slack, "slack", defaultSlack, "how far apart the times of one refund may be, up to 720h")
	flags.BoolVar(&r.all, "all", false, "show what matched too")
	form := func(name, usage string, set func(string) error) { flags.Func(name, usage, set) }
	form("map", "`FIELD=COLUMN,…`: fields are id, payment, amount, currency, time", into(&r.form.Columns, statement.ParseColumns))
	form("currency", "ISO 4217 `CODE` of all amounts, where no column holds it", into(&r.form.Currency, statement.ParseCurrency))
	form("amount-unit", "`UNIT` of amounts: major (100.00) or minor (10000)", into(&r.form.Unit, statement.ParseUnit))
	form("decimal", "decimal `SIGN` of amounts, . or , (default: as each amount shows)", into(&r.form.Decimal, statement.ParseDecimal))
	form("time-layout", "`LAYOUT` of times as Go writes it: 01/02/2006 15:04", into(&r.form.Layout, statement.ParseLayout))
	form("time-zone", "`ZONE` of times that name none: Europe/Moscow (default UTC)", into(&r.form.Zone, statement.ParseZone))
	form("delimiter", "`SIGN` between cells, , or ; (default: as the header row shows)", into(&r.form.Delimiter, statement.ParseDelimiter))
	form("only", "`COLUMN=VALUE|VALUE`: only rows with one of the values; may be repeated", func(s string) error {
		column, values, ok := strings.Cut(s, "=")
		if column = strings.TrimSpace(column); !ok || column == "" {
			return errors.New("must be COLUMN=VALUE")
		}
		r.form.Only[column] = statement.ParseValues(values)
		return nil
	})
	flags.IntVar(&r.form.SkipLines, "skip-lines", 0, "`N` rows stand before the header row")
	flags.BoolVar(&r.form.OnlyNegative, "only-negative", false, "only rows with negative amounts are refunds")
}

// into makes a flag of a parser.
func into[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		got, err := parse(s)
		if err == nil {
			*to = got
		}
		return err
	}
}

func (r *reconciling) check() error {
	switch {
	case r.provider == "":
		return cli.UsageError("--provider is required")
	case !r.until.Time.IsZero() && !r.since.Time.Before(r.until.Time):
		return cli.UsageError("--since must be before --until")
	case r.slack < 0 || r.slack > maxSlack:
		return cli.UsageError("--slack must be from 0s to 720h")
	case r.form.SkipLines < 0 || r.form.SkipLines > statement.MaxSkipLines:
		return cli.UsageError("--skip-lines must be from 0 to %d", statement.MaxSkipLines)
	}
	return nil
}

func (c *control) runReconcile(cmd *cobra.Command, r *reconciling, path string) error {
	if err := r.check(); err != nil {
		return err
	}
	cfg, err := c.setup.Config()
	if err != nil {
		return err
	}
	form := r.form
	if p, ok := cfg.Provider(r.provider); ok {
		form = p.Statement.Over(r.form)
	}
	read, name, err := readStatement(cmd, path, form, cfg, r.provider)
	if err != nil {
		return err
	}
	s, err := cli.Connect(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	c.warnProvider(cmd, s, r.provider)
	period := statement.Period{Since: r.since.Time, Until: r.until.Time, Slack: r.slack}.Of(read.Rows, form.Zone)
	rows, outside := period.Cut(read.Rows)
	comparison := statement.NewComparison(rows, period)
	if err := gatherEntries(cmd.Context(), s, r.provider, comparison, period); err != nil {
		return s.Explain(cmd.Context(), err)
	}
	a := &account{File: name, Provider: r.provider, Outside: outside, read: read, form: form, period: period}
	if err := a.write(c.screen, cmd, *r.format, comparison.Findings(), r.all); err != nil {
		return err
	}
	if a.Differences > 0 {
		return &cli.Exit{Status: cli.Differs}
	}
	return nil
}

func readStatement(cmd *cobra.Command, path string, form statement.Form, cfg *config.Config, provider string) (*statement.Statement, string, error) {
	in, name, _, err := cli.OpenFile(cmd, path)
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	read, err := statement.Read(name, in, form, func(id string) (string, error) { return canonical(cfg, provider, id) })
	return read, name, err
}

// gatherEntries brings what the journal holds: what succeeded in the period, and
// then all refunds of those payments that this does not explain. So a comparison
// costs what the period and the differences cost, however large the journal is.
func gatherEntries(ctx context.Context, s *cli.Session, provider string, c *statement.Comparison, p statement.Period) error {
	around := journal.Filter{Provider: provider, State: refund.Succeeded, Since: p.Since, Until: p.Until}
	if !p.Since.IsZero() {
		around.Since = p.Since.Add(-p.Slack)
	}
	if !p.Until.IsZero() {
		around.Until = p.Until.Add(p.Slack)
	}
	if err := addAll(ctx, s, around, c); err != nil {
		return err
	}
	payments, bare := c.Unmatched()
	if err := addPayments(ctx, s, provider, payments, c); err != nil {
		return err
	}
	if bare == 0 {
		return nil
	}
	// Rows that name a refund and no payment: it may be in any state.
	for _, state := range slices.DeleteFunc(slices.Clone(refund.States), func(s refund.State) bool { return s == refund.Succeeded }) {
		f := journal.Filter{Provider: provider, State: state}
		if state.Terminal() {
			f.Since, f.Until = around.Since, around.Until
		}
		if err := addAll(ctx, s, f, c); err != nil {
			return err
		}
	}
	return nil
}

func addAll(ctx context.Context, s *cli.Session, f journal.Filter, c *statement.Comparison) error {
	for rec, err := range s.Backend.Journal.List(ctx, f) {
		if err != nil {
			return err
		}
		if err := c.Add(entryOf(rec)); err != nil {
			return err
		}
	}
	return nil
}

func addPayments(ctx context.Context, s *cli.Session, provider string, payments []string, c *statement.Comparison) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for _, payment := range payments {
		group.Go(func() error {
			list, err := s.Backend.Journal.ByPayment(ctx, provider, payment)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, rec := range list {
				if err := c.Add(entryOf(rec)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// entryOf is a refund as it is compared: with what moved, else with what was
// asked for.
func entryOf(rec *journal.Record) statement.Entry {
	e := statement.Entry{RefundID: rec.ID, Version: rec.Version, ProviderRefundID: rec.ProviderRefundID, Payment: rec.PaymentID,
		Amount: refund.Money{Currency: rec.Currency}, State: rec.State, Since: rec.Since, Reason: rec.ReasonCode}
	if rec.State == refund.Succeeded && rec.Moved != nil {
		e.Amount.Minor, e.Known = *rec.Moved, true
		return e
	}
	e.Amount.Minor, e.Known = rec.Send()
	return e
}

// describe says in a few words what the period is.
func describe(p statement.Period) string {
	switch {
	case p.Since.IsZero() && p.Until.IsZero():
		return "all of the journal"
	case p.Since.IsZero():
		return "before " + cli.Stamp(p.Until)
	case p.Until.IsZero():
		return "since " + cli.Stamp(p.Since)
	}
	return fmt.Sprintf("%s to %s", cli.Stamp(p.Since), cli.Stamp(p.Until))
}
