package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

func (c *control) show() *cobra.Command {
	var payment string
	var full bool
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "show REFUND_ID | --payment PROVIDER/PAYMENT_ID",
		Short: "Show a refund, or all refunds of a payment",
		Long: `Show a refund with its attempts and history, or all refunds of a payment, one a
line. JSON is one object a line; --full adds attempts and history to those of a
payment.`,
		Example: `  refundctl show order-7-refund-1
  refundctl show --payment unitpay/1234512345 -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeRefund(openStates...),
		RunE: cli.Action(func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (payment != "") {
				return cli.UsageError("name a refund, or a payment with --payment")
			}
			if payment != "" && !strings.Contains(payment, "/") {
				return cli.UsageError("--payment takes PROVIDER/PAYMENT_ID")
			}
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if payment != "" {
				return c.showPayment(cmd, s, *format, payment, full)
			}
			rec, err := s.Backend.Journal.Get(cmd.Context(), args[0])
			if err != nil {
				return fail(cmd.Context(), s, cmd.OutOrStdout(), *format, args[0], nil, err)
			}
			return c.showOne(cmd, s, *format, rec, true)
		}),
	}
	cmd.Flags().StringVar(&payment, "payment", "", "show the refunds of the payment `PROVIDER/PAYMENT_ID`")
	cmd.Flags().BoolVar(&full, "full", false, "with --payment: with attempts and history")
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

// showOne prints a refund, full or without attempts and history.
func (c *control) showOne(cmd *cobra.Command, s *cli.Session, format cli.Format, rec *journal.Record, full bool) error {
	v := rec.View()
	if full {
		var err error
		if v, err = s.Backend.Journal.FullView(cmd.Context(), rec); err != nil {
			return s.Explain(cmd.Context(), err)
		}
	}
	if format == cli.JSON {
		return cli.WriteJSON(cmd.OutOrStdout(), v)
	}
	return c.writeView(cmd.OutOrStdout(), v)
}

func (c *control) showPayment(cmd *cobra.Command, s *cli.Session, format cli.Format, payment string, full bool) error {
	provider, id, _ := strings.Cut(payment, "/")
	id, err := canonical(s.Config, provider, id)
	if err != nil {
		return err
	}
	list, err := s.Backend.Journal.ByPayment(cmd.Context(), provider, id)
	if err != nil {
		return s.Explain(cmd.Context(), err)
	}
	if len(list) == 0 {
		return fmt.Errorf("no refund of payment %s of %s is known", id, provider)
	}
	if format == cli.JSON || full {
		for i, rec := range list {
			if i > 0 && format == cli.Text {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			if err := c.showOne(cmd, s, format, rec, full); err != nil {
				return err
			}
		}
		return nil
	}
	t := newListing(c.screen, cmd.OutOrStdout(), cli.Text)
	for _, rec := range list {
		if err := t.write(rec.View()); err != nil {
			return err
		}
	}
	return t.flush()
}

// canonical is the payment's id as the journal has it. A provider that is no
// longer configured may still have refunds there.
func canonical(cfg *config.Config, provider, id string) (string, error) {
	p, ok := cfg.Provider(provider)
	if !ok {
		return id, nil
	}
	form, err := p.Driver.CanonicalPayment(id)
	if err != nil {
		return "", refund.Invalid{{Field: "payment_id", Rule: err.Error()}}
	}
	return form, nil
}
